"""Commands beside an `up`: asked of it they say what they say where a memory is opened for them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import nats
import pytest

from anabranch.home.folder import Home
from anabranch.home.running import running_up
from tests.support.fixtures.memory import CommandLine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import Ran

HERE: Final = ("-N", "served")
UNKNOWN: Final = "0192a000-0000-7000-8000-000000000001"
OPENS_A_MEMORY: Final = {"ANABRANCH_WAIT_TIMEOUT_S": "30"}
"""The default; but where it is set, a command opens a memory."""
READS: Final = (
    ("recall", "What leaks?"),
    ("recall", "What leaks?", "-k", "1", "--wait", "2.5", "--timeout", "9"),
    ("recall", "What leaks?", "--and", "What opens at six?", "--and", "tulips", "-k", "2"),
    ("recall", "tulips", "--as-of", "1"),
    ("recall", "What leaks?", "--include-retired", "--scope", "namespace"),
    ("recall", "What leaks?", "--since", "2026-01-01", "--until", "2199-01-01", "--min", "-1"),
    ("recall", "What leaks?", "--kind", "observation", "--valid-at", "2026-01-01T12:00:00Z"),
    ("recall", "What leaks?", "--tag", "no such tag", "--agent", "nobody", "--role", "none"),
)
REFUSED: Final = (
    ("remember", " "),
    ("remember", "x", "--session", "no id"),
    ("remember", "x", "--session", UNKNOWN),
    ("remember", "x", "--confidence", "2"),
    ("remember", "x", "--confidence", "nan"),
    ("remember", "x", "--kind", ""),
    ("remember", "x", "--tag", "t" * 300),
    ("remember", "x", "--valid-from", "soon"),
    ("remember", "x", "--supersedes", UNKNOWN),
    ("remember", "x", "-N", "no namespace"),
    ("recall", " "),
    ("recall", "x", "-k", "0"),
    ("recall", "x", "--scope", "world"),
    ("recall", "x", "--scope", "session"),
    ("recall", "x", "--session", UNKNOWN),
    ("recall", "x", "--as-of", "99999999"),
    ("recall", "x", "--as-of", "-1"),
    ("recall", "x", "--after", "99999999"),
    ("recall", "x", "--after", "-1"),
    ("recall", "x", "--min", "2"),
    ("recall", "x", "--since", "soon"),
    ("recall", "x", "--confidence-min", "-1"),
    ("recall", "x", "--timeout", "0"),
    ("recall", "x", "--and", " "),
    ("session", "open", "--task", ""),
    ("session", "open", "--task", "x", "--priority", "soon"),
    ("session", "branch", UNKNOWN, "--task", "x"),
    ("session", "branch", "no id", "--task", "x"),
    ("session", "complete", UNKNOWN, "--result", "x"),
    ("session", "complete", UNKNOWN, "--result", "x", "--insight", ""),
)
WRITES: Final = (
    ("remember", "The lock at Gallipoli opens at six", "--tag", "lock", "--confidence", "0.5"),
    ("remember", "Open since May", "--valid-from", "2026-05-01", "--source", "a log"),
    ("session", "open", "--task", "Moor", "--agent", "ada"),
    ("session", "open", "--task", "Sound the delta", "--role", "pilot", "--priority", "high"),
)
SETTLED: Final = ("running", "log", "dead_letters", "home", "owner", "namespace")
HEAVY: Final = {
    "nats",
    "neo4j",
    "numpy",
    "onnxruntime",
    "pydantic",
    "faststream",
    "anabranch.settings",
}


@pytest.fixture(scope="module", autouse=True)
def learned(anabranch: CommandLine) -> int:
    """Let the memory know two things; return where."""
    anabranch.here("remember", "The sluice at Sulina leaks", *HERE)
    last = anabranch.here(
        "remember", "The weir at Tulcea leaks at high water", *HERE, "--json"
    ).value
    anabranch.here("recall", "x", "--after", str(last["position"]), *HERE)
    return int(last["position"])


def both(anabranch: CommandLine, *arguments: str) -> tuple[Ran, Ran]:
    """Run a command as it is, and again so that it opens a memory.

    Where one takes a moment, a line on stderr says so: that is left out.
    """
    words = arguments if "-N" in arguments else (*arguments, *HERE)
    served, opened = anabranch.here(*words), anabranch.here(*words, environment=OPENS_A_MEMORY)
    return without_patience(served), without_patience(opened)


def without_patience(ran: Ran) -> Ran:
    """Return a run without the line that says what a slow machine is waited for."""
    return ran._replace(err=re.sub(r"(?m)^[A-Z][a-z]+ing .* \.\.\.\n", "", ran.err))


def masked(ran: Ran) -> tuple[int, str, str]:
    """Return a run without ids and positions, which differ from one to the next."""
    numbers = re.compile(r'"position":\d+|position \d+|[0-9a-f]{8}-[0-9a-f-]{27}')
    return ran.code, numbers.sub("~", ran.out), numbers.sub("~", ran.err)


@pytest.mark.parametrize("arguments", READS, ids=" ".join)
@pytest.mark.parametrize("json_too", [(), ("--json",)], ids=["people", "json"])
def test_a_read_says_the_same(
    anabranch: CommandLine, arguments: tuple[str, ...], json_too: tuple[str, ...]
) -> None:
    """The answer of the service is written as that of a memory, byte for byte.

    Only the id of each recall is its own, and the time that its lanes took.
    """
    own = re.compile(r'"recall_id":"[^"]+"|"duration_ms":[0-9.e-]+')
    served, opened = (
        ran._replace(out=own.sub("~", ran.out)) for ran in both(anabranch, *arguments, *json_too)
    )

    assert served.code == 0
    assert served == opened


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_an_error_says_the_same(anabranch: CommandLine, arguments: tuple[str, ...]) -> None:
    """An error has the same type, words, fix and exit code."""
    served, opened = both(anabranch, *arguments)

    assert served.code != 0
    assert served == opened


@pytest.mark.parametrize("arguments", WRITES, ids=" ".join)
@pytest.mark.parametrize("json_too", [(), ("--json",)], ids=["people", "json"])
def test_a_write_says_the_same(
    anabranch: CommandLine, arguments: tuple[str, ...], json_too: tuple[str, ...]
) -> None:
    """A receipt is written as that of a memory, but for ids and positions."""
    served, opened = both(anabranch, *arguments, *json_too)

    assert served.code == 0
    assert masked(served) == masked(opened)


def test_a_write_stores_the_same(anabranch: CommandLine) -> None:
    """What the service stores for a command is what a memory stores for it."""
    named = {"ANABRANCH_AGENT": "ada"}
    words = ("remember", "The pilot is Ada", "--kind", "fact", "--tag", "crew", "--source", "s")

    stored = [
        anabranch.here(*words, *HERE, "--json", environment={**named, **way}).value["position"]
        for way in ({}, OPENS_A_MEMORY)
    ]

    one, other = (anabranch.here("events", "show", str(at), *HERE, "--json").value for at in stored)
    for event in (one, other):
        assert event["data"].pop("insight_id")
        for name in ("id", "subject", "time", "position", "stored_at", "correlationid"):
            event.pop(name, None)
    assert one == other
    assert one["agent"] == "ada"


def test_a_session_goes_on_from_one_way_to_the_other(anabranch: CommandLine) -> None:
    """A session opened by one way is forked by the other, and ends once."""
    opened = anabranch.here("session", "open", "--task", "x", *HERE, "--json").value["session_id"]
    branch = ("session", "branch", opened, "--task", "y", "--role", "pilot", "--json")
    forks = [run.value for run in both(anabranch, *branch)]

    ends = [
        anabranch.here(
            "session", "complete", fork["session_id"], "--result", "z", "-i", "so", *HERE
        )
        for fork in forks
    ]
    again = both(anabranch, "session", "complete", forks[0]["session_id"], "--result", "z")

    assert {fork["parent_id"] for fork in forks} == {opened}
    assert [end.code for end in ends] == [0, 0]
    assert again[0] == again[1]
    assert again[0].code == 4


def test_a_recall_knows_what_another_process_wrote(anabranch: CommandLine) -> None:
    """An insight that did not go through the service is found by a recall right after it."""
    words = ("remember", "The dredger at Galati is painted blue", *HERE, "--json")
    written = anabranch.here(*words, environment=OPENS_A_MEMORY).value

    found = anabranch.here("recall", "What is painted blue?", *HERE, "--json").value

    assert written["insight_id"] in {hit["insight_id"] for hit in found["hits"]}


def shape(value: Any) -> Any:
    """Return the names of all members, in their order, and the types of the values."""
    if isinstance(value, dict):
        return [(name, shape(one)) for name, one in value.items()]
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value)


def test_status_says_the_same(anabranch: CommandLine) -> None:
    """The state that the owner tells is the one that a memory reads, which goes on meanwhile."""
    served, opened = both(anabranch, "status", "--json")

    one, other = served.value, opened.value
    lines = [len(run.out.splitlines()) for run in both(anabranch, "status")]
    assert [shape(one), lines[0]] == [shape(other), lines[1]]
    assert {name: one[name] for name in SETTLED} == {name: other[name] for name in SETTLED}
    assert one["running"] is True


@pytest.mark.parametrize(
    "arguments", [("status",), ("remember", "The tide is low"), ("recall", "low?", "-k", "3")]
)
def test_a_served_command_loads_nothing_heavy(
    anabranch: CommandLine, arguments: tuple[str, ...]
) -> None:
    """Beside an `up` neither drivers, models nor the settings' library are imported."""
    script = (
        "import sys; from anabranch.cli import run\n"
        f"assert run({[*arguments, *HERE, '--json']!r}) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=anabranch.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert HEAVY & set(ran.stderr.split()) == set()
    assert json.loads(ran.stdout)


def test_status_starts_nothing(alone: CommandLine) -> None:
    """On a home where nothing runs it says so, as a success, and does not even make the home."""
    told = alone.here("status", "--json")
    shown = alone.here("status")

    assert told.value == {"running": False, "home": str(alone.home), "namespace": "default"}
    assert (shown.code, shown.out.splitlines()[0]) == (0, f"Nothing runs on {alone.home}")
    assert not alone.home.exists()


def completed(anabranch: CommandLine, words: str) -> set[str]:
    """Return the completions of a command line by bash's protocol."""
    asked = {
        "_ANABRANCH_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    code = "from anabranch.cli.application import application as a; a(prog_name='anabranch')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**anabranch.environment, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_shell_completes_ids_beside_an_up(anabranch: CommandLine, tmp_path: Path) -> None:
    """The short ids of the namespace are completed, a whole one from its beginning, else none."""
    here = ("-N", "completing", "--json")
    kept = anabranch.here("remember", "The pump is red", *here).value
    session, insight = kept["session_id"], kept["insight_id"]
    anabranch.here("recall", "pump", "--after", str(kept["position"]), *here)

    found = {
        "sessions": completed(anabranch, "anabranch session show -N completing "),
        "whole": completed(anabranch, f"anabranch -N completing get {insight[:20]}"),
        "things": completed(anabranch, "anabranch history -N completing "),
        "other": completed(anabranch, "anabranch session show -N nobody "),
        "nothing runs": completed(CommandLine(tmp_path), "anabranch session show "),
    }

    assert found == {
        "sessions": {session[-8:]},
        "whole": {insight},
        "things": {session[-8:], insight[-8:]},
        "other": set(),
        "nothing runs": set(),
    }


def test_an_answer_that_a_filter_left_empty_names_the_filter(anabranch: CommandLine) -> None:
    """Somebody who filters by mistake sees why nothing is known; without a filter none is named."""
    anabranch.here("remember", "The pump is red", "-N", "filtered", "--json")

    filtered = anabranch.here("recall", "pump", "--tag", "ops", "-N", "filtered").out
    strange = anabranch.here("recall", "pump", "-N", "nobody-here").out

    assert filtered.startswith(
        "Nothing is known about that with these filters (tags); ask without them to see more.\n"
    )
    assert strange.startswith("Nothing is known about that.\n")


def test_a_variable_that_is_not_set_is_named(anabranch: CommandLine) -> None:
    """`--env` of a name that the environment lacks says so; the thought goes on."""
    told = anabranch.here(
        *("think", "the pump", "--branch", "look", "-x", "echo seen", "-N", "passing"),
        *("--env", "NO_SUCH_VARIABLE", "--env", "PATH"),
    )

    assert told.code == 0, told.err
    assert "the variable NO_SUCH_VARIABLE is not set" in told.err
    assert "variable PATH" not in told.err


@pytest.mark.parametrize("environment", [{}, OPENS_A_MEMORY], ids=["served", "opened"])
def test_what_is_stored_is_in_the_callers_trace(
    anabranch: CommandLine, environment: dict[str, str]
) -> None:
    """A command that an agent, a pipeline or an executor starts goes on in the trace it is given."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    up = running_up(Home(anabranch.home))
    assert up is not None

    async def trace_at(position: int) -> str | None:
        client = await nats.connect(up.url, token=up.token)
        try:
            stored = await client.jetstream().get_msg("ANABRANCH_EVENTS", seq=position, direct=True)
            return (stored.headers or {}).get("traceparent")
        finally:
            await client.close()

    def remembered(**more: str) -> int:
        asked = ("remember", "The pump is red", "-N", "traced", "--json")
        position: int = anabranch.here(*asked, environment={**environment, **more}).value[
            "position"
        ]
        return position

    assert asyncio.run(trace_at(remembered(TRACEPARENT=trace))) == trace
    assert asyncio.run(trace_at(remembered(TRACEPARENT="no trace"))) is None
    assert asyncio.run(trace_at(remembered())) is None
