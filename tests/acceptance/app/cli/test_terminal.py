"""The command line in any locale, by short ids, without overwriting, and with JSON alone."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.support.rounds import in_full_only
from tests.support.terminals import on_a_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)

TEXT = "Zürich café 東京 🚲 Ελλάδα"
PLAINEST = "POSIX without UTF-8"
LOCALES = {
    "the C locale": {"LC_ALL": "C", "LANG": "C"},
    PLAINEST: {
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
}
COMMANDS = ("session list", "session list --json", "status", "replay")


@in_full_only
def test_a_terminal_of_ascii_is_told_and_tells(anabranch: CommandLine, namespace: str) -> None:
    """A text of any script is stored unchanged, and every command prints something."""
    own = {"ANABRANCH_NAMESPACE": namespace}

    for number, locale in enumerate(LOCALES.values()):
        anabranch("remember", f"{TEXT} {number}", environment=own | locale)
    codes = {
        (name, words): anabranch(*words.split(), environment=own | locale).code
        for name, locale in LOCALES.items()
        for words in ("recall café", *(COMMANDS if name == PLAINEST else ()))
    }
    kept = anabranch.here("recall", "café", "--json", "-N", namespace).value["hits"]

    assert set(codes.values()) == {0}, codes
    assert {hit["text"] for hit in kept} == {f"{TEXT} {number}" for number in range(len(LOCALES))}


def test_what_is_printed_of_an_id_names_the_thing(anabranch: CommandLine, namespace: str) -> None:
    """Sessions and insights are taken by the ends of their ids, wherever an id is taken."""
    old = anabranch.here("remember", "The port is 5432.", "-N", namespace, "--json").value
    session = old["session_id"]
    shown = anabranch.here("session", "show", session[-8:], "-N", namespace)
    printed = re.search(r"The port is 5432\.  ([0-9a-f]{8})", shown.out)
    assert printed is not None
    insight = printed[1]

    new = anabranch.here(
        *("remember", "The port is 5433.", "--supersedes", insight, "-s", session[-8:]),
        *("-N", namespace, "--json"),
    ).value
    done = {
        words: anabranch.here(*words.split(), "-N", namespace).code
        for words in (
            f"get {insight}",
            f"history {insight}",
            f"history {session[-8:]}",
            f"cite {new['insight_id'][-8:]}",
            f"associate {insight} {new['insight_id'][-8:]}",
            f"sever {insight} {new['insight_id'][-8:]}",
            f"session tree {session[-8:]}",
            f"session branch {session[-8:]} --task x",
            f"note {session[-8:]} key value",
            f"replay -s {session[-8:]}",
            f"recall port --scope session -s {session[-8:]}",
            f"retract {new['insight_id'][-8:]} --reason wrong",
            f"forget {new['insight_id'][-8:]}",
            f"session close {session[-8:]}",
        )
    }

    assert (new["session_id"], insight) == (session, old["insight_id"][-8:])
    assert set(done.values()) == {0}, done


def test_a_part_that_several_ids_have_is_refused(anabranch: CommandLine, namespace: str) -> None:
    """The error lists the ids that end so, and what each says; a longer end, or start, names one."""
    ids = [f"01a20728-9303-7384-8336-{number}25da4fe2860" for number in "ab"]
    lines = [
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "test",
            "type": "anabranch.session.opened.v1",
            "subject": one,
            "time": "2026-11-28T14:00:00Z",
            "namespace": namespace,
            "data": {"task": f"Plan {one[24]}"},
        }
        for one in ids
    ]
    anabranch.here("events", "append", "-", text="\n".join(map(json.dumps, lines)))

    refused = anabranch.here("session", "show", "fe2860", "-N", namespace, "--json")
    named = anabranch.here("session", "show", "b25da4fe2860", "-N", namespace, "--json")
    begun = anabranch.here("session", "show", ids[0][:25], "-N", namespace, "--json")
    both = anabranch.here("session", "show", ids[0][:13], "-N", namespace, "--json")
    none = anabranch.here("session", "show", "01a3", "-N", namespace, "--json")

    assert (refused.code, refused.error["type"]) == (2, "IdAmbiguous")
    assert refused.error["message"] == (
        f"several ids begin or end with fe2860: {ids[0]} (Plan a), {ids[1]} (Plan b)"
    )
    assert named.value["session_id"] == ids[1]
    assert begun.value["session_id"] == ids[0]
    assert both.error["message"].startswith(f"several ids begin or end with {ids[0][:13]}: ")
    assert (none.code, none.error["type"]) == (3, "SessionNotFound")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("session show dddddddd", "SessionNotFound"),
        ("get dddddddd", "InsightNotFound"),
        ("history dddddddd", "HistoryNotFound"),
    ],
)
def test_an_end_that_no_id_has_is_not_found(
    anabranch: CommandLine, namespace: str, words: str, error: str
) -> None:
    """A thing that is named by an end that none has does not exist."""
    ran = anabranch.here(*words.split(), "-N", namespace, "--json")

    assert (ran.code, ran.error["type"]) == (3, error)


def test_a_status_that_is_none_is_refused(anabranch: CommandLine) -> None:
    """A misspelt status is an error that names those there are, not an empty list."""
    ran = anabranch.here("session", "list", "--status", "bogus", "--json")

    assert (ran.code, ran.error["type"]) == (2, "InputInvalid")
    assert "open, pending, running, completed" in ran.error["fix"]


@in_full_only
def test_with_json_stderr_is_json_alone(alone: CommandLine) -> None:
    """Beside the error of a server that is not there stands nothing; nobody lost a connection."""
    gone = {"NATS_URL": "nats://127.0.0.1:1", "ANABRANCH_REQUEST_TIMEOUT_S": "1"}

    ran = alone("events", "show", "1", "--json", environment={**gone, "ANABRANCH_HOEM": "x"})

    warning, error = map(json.loads, ran.err.splitlines())
    assert warning == {
        "warning": {"message": "ANABRANCH_HOEM is no setting; ANABRANCH_HOME is one"}
    }
    assert set(error) == {"error"}


def test_files_are_not_overwritten_unasked(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """An export and a snapshot stop before a file that is there; `--force` replaces it."""
    anabranch.here("remember", "The port is 5433.", "-N", namespace)
    exported, taken = tmp_path / "events.jsonl", tmp_path / "log.snapshot"
    commands = {
        exported: ("events", "export", "-N", namespace, "-o", str(exported)),
        taken: ("snapshot", "take", str(taken)),
    }

    for file, words in commands.items():
        file.write_text("precious")
        refused = anabranch.here(*words, "--json")
        kept = file.read_text()
        forced = anabranch.here(*words, "--force")

        assert (refused.code, refused.error["type"], kept) == (4, "FileExists", "precious")
        assert forced.code == 0
        assert file.read_bytes() != b"precious"


def test_an_up_that_runs_is_a_success(anabranch: CommandLine) -> None:
    """`up --detach` where it runs already is a success; with other options it is refused."""
    again = anabranch.here("up", "--detach", "--json")
    told = anabranch.here("up", "--detach")
    other = anabranch.here("up", "--detach", "--http", "0", "--json")

    status = anabranch.here("status", "--json").value
    assert again.value["already"] is True
    assert (again.value["pid"], again.value["log"]) == (status["owner"], status["log"]["url"])
    assert "is up already" in told.out
    assert (other.code, other.error["type"]) == (4, "AlreadyRunning")
    assert other.error["fix"] == (
        "start it anew: `anabranch down`, then `anabranch up --detach --http 0`; "
        "or run `anabranch serve` beside it"
    )


def test_a_node_is_shown_without_its_vector(anabranch: CommandLine, namespace: str) -> None:
    """`RETURN i` has no vector, in text and in JSON; `RETURN i.embedding` has it."""
    kept = anabranch.here("remember", "The port is 5433.", "-N", namespace, "--json").value
    anabranch.here("recall", "port", "--after", str(kept["position"]), "-N", namespace)
    insight = "MATCH (i:Insight {namespace: $namespace}) RETURN "

    (row,) = anabranch.here("cypher", f"{insight} i", "-N", namespace, "--json").lines
    (named,) = anabranch.here(
        "cypher", f"{insight} i.embedding AS e", "-N", namespace, "--json"
    ).lines
    told = anabranch.here("cypher", f"{insight} i", "-N", namespace)

    assert row["i"]["properties"]["text"] == "The port is 5433."
    assert "embedding" not in row["i"]["properties"]
    assert '"embedding":' not in told.out
    assert len(named["e"]) == 384


@in_full_only
def test_sixty_columns_cut_nothing_that_is_typed(anabranch: CommandLine, namespace: str) -> None:
    """On a narrow terminal the ids of sessions and the names of generations stand whole."""
    kept = anabranch.here("remember", "The port is 5433.", "-N", namespace, "--json").value
    names = [one["name"] for one in anabranch.here("graph", "generations", "--json").lines]

    listed = on_a_terminal(anabranch, "session", "list", "--all", "-N", namespace, columns=60)
    generations = on_a_terminal(anabranch, "graph", "generations", columns=60)

    first, *_ = listed.splitlines()
    assert first.startswith(f"{kept['session_id'][-8:]}  ● open")
    assert [name for name in names if name in generations] == names
    assert max(map(len, (listed + generations).splitlines())) <= 60


def test_status_names_home_owner_and_namespace(
    anabranch: CommandLine, alone: CommandLine, namespace: str
) -> None:
    """People read whose memory it is, where one runs and where none does."""
    up = anabranch.here("status", "-N", namespace).out
    nothing = alone.here("status", "-N", namespace).out

    assert f"home   {anabranch.home}  owned by process" in up
    assert f"namespace  {namespace}" in up
    assert str(alone.home) in nothing
    assert f"namespace  {namespace}" in nothing
