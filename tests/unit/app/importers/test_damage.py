"""Files that were damaged in any way: read as far as they can be, and never a failure."""

from __future__ import annotations

import asyncio
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from tests.support.damaged_transcripts import TEXT_CASES, damage
from tests.support.rounds import examples

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", TEXT_CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_damaged_file_is_read_as_far_as_it_can_be(case: Path, tmp_path: Path) -> None:
    """Lines lost, doubled, cut, in another order, with fields of other types: no exception."""
    for seed in range(examples(40)):
        folder = tmp_path / str(seed)
        shutil.copytree(case, folder)
        chance = random.Random(seed)  # noqa: S311 - it must be the same again.
        for path in sorted(folder.rglob("*.json*")):
            damage(path, chance)

        importer = Importer(None, ImportOptions("default"))
        for source in sources_below([folder]):
            asyncio.run(importer.source(source))

        assert importer.tally.sources <= len(list(folder.rglob("*")))
        shutil.rmtree(folder)
