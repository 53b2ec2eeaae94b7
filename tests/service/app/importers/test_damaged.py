"""Damaged transcripts into a real log: whatever is read of them can be stored."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from tests.support.damaged_transcripts import TEXT_CASES, damage
from tests.support.rounds import examples

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Log


async def test_what_is_read_of_damaged_files_can_be_stored(log: Log, tmp_path: Path) -> None:
    """Fields of other types, control characters, times of no calendar: no event is refused."""
    importer = Importer(log, ImportOptions("default", tools=True))
    for seed in range(examples(8)):
        chance = random.Random(seed)  # noqa: S311 - it must be the same again.
        for case in TEXT_CASES:
            folder = tmp_path / f"{seed}-{case.parent.name}-{case.name}"
            shutil.copytree(case, folder)
            for path in sorted(folder.rglob("*.json*")):
                damage(path, chance)
            for source in sources_below([folder]):
                await importer.source(source)

    assert (await log.bounds()).last == importer.tally.appended > 0
