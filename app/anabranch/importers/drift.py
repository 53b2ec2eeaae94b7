"""Drift of the tools' formats: kinds of records that imports met and no reader knows.

They are kept in the home, so that `anabranch doctor` can list them after the import has ended.
Counts of an older Anabranch are dropped: the next one may know more.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ValidationError

from anabranch.errors import HomeFull, HomeUnwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.home.folder import Home

KINDS_MAX: Final = 1000


class UnknownRecords(BaseModel):
    """Counts by tool, its version, and kind of record or field, as one release saw them."""

    anabranch: str
    counts: dict[str, int] = {}


def unknown_records(home: Home) -> dict[str, int]:
    """Return what the imports of this home met and no reader of this release knows."""
    try:
        found = UnknownRecords.model_validate_json(home.unknown_records.read_bytes())
    except (OSError, ValidationError):
        return {}
    return found.counts if found.anabranch == version("anabranch") else {}


def note_unknown_records(home: Home, counts: Mapping[str, int]) -> None:
    """Add the kinds that an import met. A source that is read again is not counted twice over.

    A home that cannot be written goes without: the import's own summary has them.
    """
    if not counts:
        return
    known = unknown_records(home)
    merged = {what: max(count, known.get(what, 0)) for what, count in {**known, **counts}.items()}
    kept = dict(sorted(merged.items())[:KINDS_MAX])
    note = UnknownRecords(anabranch=version("anabranch"), counts=kept)
    with suppress(HomeUnwritable, HomeFull):
        home.prepare()
        home.replace(home.unknown_records, note.model_dump_json().encode())
