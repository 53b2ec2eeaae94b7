"""Kill -9 of one-shot commands at each stage of their way: nothing is left, and nothing is lost.

The stages are counted, not met by luck: see `tests.support.killed_command`.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from anabranch import Memory
from anabranch.settings import Settings
from anabranch.transfer.manifest import verify_lines
from tests.support.fixtures.memory import CommandLine
from tests.support.home_processes import processes
from tests.support.patience import until
from tests.support.rounds import CHAOS_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KNOWN: Final = "The gauge drifts by two millimetres"
TRANSCRIPTS: Final = Path(__file__).parents[3] / "fixtures" / "transcripts" / "claude-code-2.1.332"
STAGES_MAX: Final = 110
"""About as many stages has the longest command; a number past the last one kills nothing."""
DELAY_MAX_S: Final = 0.4
AGAIN: Final = frozenset({"import", "rebuild", "sessions-import", "doctor"})
"""The commands that are simply run once more."""


class Kill(NamedTuple):
    """Where a command is killed: at its n-th stage, or so long after it."""

    stage: int
    delay_s: float = 0.0


class Mortal:
    """A home with something in it, and the commands that are killed over it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.line = CommandLine(folder / "home", ANABRANCH_EMBEDDER="none")
        self._export = folder / "before.jsonl"
        self._round = 0
        self._acknowledged: set[str] = set()
        self._transcripts = folder / "transcripts"
        shutil.copytree(TRANSCRIPTS, self._transcripts)

    def prepare(self) -> None:
        """Remember something, and export another home's events to be imported."""
        other = CommandLine(self._folder / "other", ANABRANCH_EMBEDDER="none")
        assert other.here("remember-all", text="A weir\nA sluice\nA mole\n").code == 0
        assert other.here("events", "export", "-o", str(self._export), "--json").code == 0
        self._acknowledged.add(self.line.here("remember", KNOWN, "--json").value["event_id"])

    def arguments(self, kind: str) -> list[str]:
        """Return the words of one command of a kind, another one each round."""
        self._round += 1
        return {
            "remember": ["remember", f"Reading {self._round}", "--json"],
            "recall": ["recall", "gauge", "--json"],
            "rebuild": ["rebuild", "--json"],
            "export": ["events", "export", "-o", str(self.exported), "--json"],
            "import": ["events", "import", str(self._export), "--json"],
            "doctor": ["doctor", "--json"],
            "sessions-import": ["sessions", "import", str(self._transcripts), "--json"],
            "think": ["think", f"Why {self._round}?", "-n", "2", "--json"],
        }[kind]

    @property
    def exported(self) -> Path:
        """The file of this round's export."""
        return self._folder / f"export-{self._round}.jsonl"

    async def killed(self, kind: str, kill: Kill) -> str | None:
        """Run a command that is killed; return the stage at which it was, None where it ended."""
        report = self._folder / "report"
        arguments = self.arguments(kind)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.killed_command"),
            *(str(kill.stage), str(kill.delay_s), str(report), *arguments),
            env=self.line.environment,
            stdout=PIPE,
            stderr=DEVNULL,
        )
        out, _ = await process.communicate()
        if kind == "remember" and out:
            self._acknowledged.add(json.loads(out)["event_id"])
        stages = report.read_text(encoding="utf-8").splitlines()
        assert process.returncode in {-9, 0}, (kind, kill, process.returncode, stages[-3:])
        return stages[-1] if process.returncode else None

    async def check(self, kind: str) -> None:
        """Hold what a kill may not break: what is next works, and all is there once."""
        await until(lambda: not processes(self.line.home))
        if kind in AGAIN:
            again = await asyncio.to_thread(self.line.here, *self.arguments(kind))
            assert again.code == 0, again.err
        if kind == "export" and self.exported.exists():
            verify_lines(self.exported.read_bytes().splitlines(keepends=True))
        settings = Settings.read().changed(home=self.line.home, embedder="none")
        async with Memory.open(settings=settings) as memory:
            position = memory.position
            found = await memory.recall("gauge", after=position)
            assert found.hits[0].text == KNOWN
            if kind == "think":  # An imported session may stand as running for ever.
                assert not await memory.list_sessions(status="running")
                assert not await memory.list_sessions(status="pending")
            written = io.BytesIO()
            await memory.transfer.export(written)
        assert not list(half_written(self.line.home))
        self._check_events([json.loads(line) for line in written.getvalue().splitlines()])

    def _check_events(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Hold the log to what was acknowledged, and to each fact being there once."""
        events = [line for line in lines if "id" in line]
        counts = Counter(event["id"] for event in events)
        assert self._acknowledged <= set(counts)
        assert max(counts.values()) == 1
        facts = Counter(
            (event["subject"], event["data"]["text"])
            for event in events
            if event["type"] == "anabranch.insight.recorded.v1"
        )
        assert max(facts.values()) == 1


def half_written(home: Path) -> Iterator[Path]:
    """Yield files of a home that a kill left half: not JSON, or on the way to their name."""
    for path in home.iterdir():
        if path.is_file() and path.name.startswith("."):
            yield path
        if path.suffix == ".json":
            try:
                json.loads(path.read_bytes())
            except ValueError:
                yield path


KINDS: Final = (
    *("remember", "recall", "rebuild", "export", "import", "doctor", "sessions-import", "think"),
)


@pytest.mark.chaos
@pytest.mark.parametrize("kind", KINDS)
async def test_many_kills_at_every_stage(tmp_path: Path, kind: str) -> None:
    """As many kills of each command as a tenth of ANABRANCH_CHAOS_ROUNDS says."""
    mortal = Mortal(tmp_path)
    await asyncio.to_thread(mortal.prepare)
    met: Counter[str] = Counter()
    dice = random.Random()  # noqa: S311 - a test's dice
    for number in range(max(1, CHAOS_ROUNDS // 10)):
        delay_s = dice.choice((0.0, dice.uniform(0, DELAY_MAX_S)))
        kill = Kill(dice.randint(1, STAGES_MAX), delay_s)
        at = await mortal.killed(kind, kill)
        print(f"{kind} {number}: {kill} at {at}", flush=True)  # noqa: T201 - for who waits
        met["killed" if at else "ended"] += 1
        await mortal.check(kind)
    print(f"{kind}: {dict(met)}")  # noqa: T201 - for who waits
    assert met["killed"]
