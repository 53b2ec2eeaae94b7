"""Records that a resumed session of Claude Code 1.0 has again, under ids and times of its own."""

from __future__ import annotations

from itertools import tee
from typing import TYPE_CHECKING, Any

from anabranch.importers.files.lines import lines
from anabranch.importers.readers.claude_files import (
    chained_in,
    copies_anew,
    head_in,
    is_chained,
    link_of,
    message_id,
    records_in,
)
from anabranch.importers.records.values import kind_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from anabranch.importers.files.lines import ReadLines
    from anabranch.importers.records.families import Head, Link
    from anabranch.importers.records.model import Broken


def found_head(path: Path) -> Head | None:
    """Return the head of a file; None for a copy that has come no further than its first prompt."""
    records, again = tee(records_in(path, lines))
    if _is_begun_copy(records):
        return None
    del records  # So that what it did not take is not kept for it.
    return head_in(path, again)


def _is_begun_copy(records: Iterable[dict[str, Any] | Broken | str]) -> bool:
    """Tell whether a file may be a copy without its first answer, which names what was copied.

    In a copy a prompt is a list of blocks.
    """
    is_copy = False
    chained = (one for one in records if isinstance(one, dict) and is_chained(one))
    for number, record in enumerate(chained):
        if number == 0:
            content = object_of(record.get("message")).get("content")
            is_copy = copies_anew(record) and isinstance(content, list)
        if not is_copy or record["type"] == "assistant":
            return False
    return is_copy


class Copies:
    """The records of a family by what they say: of equal ones the id of one is that of all.

    An answer has its service's id, and a result that of its call. All else is known by its text,
    and by the answer or result that it follows.
    """

    def __init__(self, read: ReadLines) -> None:
        self._read = read
        self._known: dict[int, tuple[str, str]] = {}
        self._of: dict[str, str] = {}

    def id(self, record_id: str) -> str:
        """Return the id that a record has in common with its copies."""
        return self._of.get(record_id, record_id)

    def links(self, head: Head) -> Iterator[Link]:
        """Yield the places of a file's records; of copies also what they were copied from.

        To be called for the file of the oldest session first: it has what others copied.
        """
        follows: dict[str | None, int] = {}
        for record in chained_in(head.path, self._read):
            link = link_of(record)
            if not copies_anew(record):
                yield link
                continue
            above = follows.get(link.parent, 0)
            mark, is_lasting = _mark(record, above)
            follows[link.id] = mark if is_lasting else above
            own = (link.copied_from or link.id, head.session_id)
            known, session = self._known.setdefault(mark, own)
            if known != link.id:
                self._of[link.id] = known
                link = link._replace(copied_from=known, origin=session)
            yield link


def _mark(record: dict[str, Any], above: int) -> tuple[int, bool]:
    """Return what a record has in common with its copies, and whether it needs nothing above."""
    content = object_of(record.get("message")).get("content")
    blocks = objects_of(content)
    results = [block for block in blocks if kind_of(block) == "tool_result"]
    if calls := [call for block in results if (call := text_of(block.get("tool_use_id")))]:
        return hash(("result", *calls)), True
    said = content if isinstance(content, str) else None
    texts = [said] if said else [str(one.get("text") or one.get("id") or "") for one in blocks]
    if kind_of(record) == "assistant" and (answer := message_id(record)):
        return hash((answer, *texts)), True
    return hash((kind_of(record), above, *texts)), False
