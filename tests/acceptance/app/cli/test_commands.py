"""Commands on one home that is up: what `--json` gives, and how commands end.

Most run in this process (`here`), by the same function that the program calls; those whose point is
the process run as one.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)


def test_remember_and_recall(anabranch: CommandLine, namespace: str) -> None:
    """What was remembered is recalled by the next command, with score, reason and lanes."""
    kept = anabranch("remember", "Staging listens on port 5433.", "-N", namespace, "--json")
    found = anabranch("recall", "Which port has staging?", "-N", namespace, "--json")

    assert set(kept.value) == {"insight_id", "session_id", "event_id", "position"}
    assert set(found.value) == {
        *(
            "associated",
            "conflicts_known",
            "forgotten_since",
            "hits",
            "lanes",
            "nothing_close",
            "position",
            "ranker",
            "recall_id",
        ),
    }
    hit = found.value["hits"][0]
    assert hit["insight_id"] == kept.value["insight_id"]
    assert {"session_id", "text", "position", "score", "why"} < set(hit)
    assert {lane["state"] for lane in found.value["lanes"].values()} <= {"ok", "empty", "skipped"}


def test_remember_reads_stdin(anabranch: CommandLine, namespace: str) -> None:
    """A dash stands for what comes on stdin; tags and kind go with it."""
    kept = anabranch(
        *("remember", "-", "--kind", "decision", "--tag", "infra", "--tag", "db"),
        *("--namespace", namespace, "--json"),
        text="Postgres moves to version 18.\n",
    )
    session = anabranch.here("session", "show", kept.value["session_id"], "-N", namespace, "--json")

    (insight,) = session.value["insights"]
    assert (insight["text"], insight["kind"]) == ("Postgres moves to version 18.", "decision")


def test_cypher_gives_a_line_a_row(anabranch: CommandLine, namespace: str) -> None:
    """Parameters are JSON or text, `$namespace` is there without asking, - reads stdin."""
    anabranch.here("remember", "A fact.", "-N", namespace, "--json")

    rows = anabranch.here(
        *("cypher", "-", "--param", "least=1", "--param", "word=fact"),
        *("-N", namespace, "--json"),
        text=(
            "MATCH (i:Insight {namespace: $namespace}) WHERE i.text CONTAINS $word "
            "WITH count(i) AS found WHERE found >= $least RETURN found, $word AS word"
        ),
    ).lines

    assert rows == [{"found": 1, "word": "fact"}]


@in_full_only
def test_a_rebuild_ends_with_the_same_digest(anabranch: CommandLine, namespace: str) -> None:
    """The whole log folded into a fresh graph gives the digest of the live one; reads go on."""
    anabranch.here("remember", "The digest stays.", "-N", namespace, "--json")
    before = anabranch.here("graph", "digest", "--json").value

    rebuilt = anabranch.here("rebuild", "--json").value
    after = anabranch.here("graph", "digest", "--json").value
    later = anabranch.here("remember", "And the graph goes on.", "-N", namespace, "--json").value
    found = anabranch.here(
        *("recall", "What goes on?", "--after", str(later["position"])),
        *("-N", namespace, "--json"),
    ).value

    assert {"position", "events", "seconds", "digest"} <= set(rebuilt)
    assert (rebuilt["digest"], rebuilt["position"]) == (before["digest"], before["position"])
    assert after == before
    assert later["insight_id"] in [hit["insight_id"] for hit in found["hits"]]


def test_status_says_where_everything_is(anabranch: CommandLine) -> None:
    """The log's end, the graph's position and product, and the lag between them."""
    status = anabranch.here("status", "--json").value

    assert set(status["log"]) == {
        "url",
        "stream",
        "durability",
        "first",
        "last",
        "missing",
        "damage",
    }
    assert {"uri", "product", "version", "position"} < set(status["graph"])
    assert set(status["lag"]) == {"events", "ms"}
    assert [one["name"] for one in status["projections"]] == ["graph", "vectors"]
    assert all(len(one["projectors"]) == 1 for one in status["projections"])
    assert status["graph"]["product"] == "arcadedb"


def test_doctor_finds_everything_well(anabranch: CommandLine) -> None:
    """On a healthy home every check is ok."""
    found = anabranch.here("doctor", "--json")

    assert (found.code, found.value["ok"]) == (0, True)
    assert {"home", "owner", "log", "graph", "lag"} <= {
        check["name"] for check in found.value["checks"]
    }


def test_people_see_no_json(anabranch: CommandLine, namespace: str) -> None:
    """Without `--json` the same commands write for people, and control characters do nothing."""
    kept = anabranch.here("remember", "Text with [bold]brackets[/bold].", "-N", namespace)
    found = anabranch("recall", "brackets", "-N", namespace)
    listed = anabranch.here("session", "list", "-N", namespace)

    assert (kept.code, found.code, listed.code) == (0, 0, 0)
    assert "Text with [bold]brackets[/bold]." in found.out
    assert "lanes" in found.out
    assert "open" in listed.out


def test_a_second_up_is_refused(anabranch: CommandLine) -> None:
    """While `up` runs on a home, another one ends with a conflict that names the process."""
    refused = anabranch.here("up", "--json")

    assert (refused.code, refused.error["type"]) == (4, "AlreadyRunning")


@pytest.mark.parametrize(
    "words", ["help", "help recall", "--version", "session list", "session list --json"]
)
def test_a_reader_that_has_gone_is_no_failure(
    anabranch: CommandLine, namespace: str, words: str
) -> None:
    """Whatever writes into a pipe that nobody reads ends with 141, and without a word."""
    anabranch.opened(namespace)
    read, write = os.pipe()
    os.close(read)

    ran = subprocess.run(
        anabranch.command(*words.split()),
        stdout=write,
        stderr=subprocess.PIPE,
        env={**anabranch.environment, "ANABRANCH_NAMESPACE": namespace},
        timeout=110,
        check=False,
    )
    os.close(write)

    assert ran.returncode == 141
    assert b"Error" not in ran.stderr


@in_full_only
def test_a_closed_pipe_is_no_failure_to_explain(anabranch: CommandLine, namespace: str) -> None:
    """When the reader goes away the command ends without a word."""
    anabranch.opened(namespace)
    with anabranch.tailing(namespace) as (process, output, errors):
        output.close()
        anabranch.opened(namespace)

        code = process.wait(timeout=PATIENCE_S)

        assert (code, errors.read()) == (141, b"")
