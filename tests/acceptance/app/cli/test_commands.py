"""Every command on one home that is up: what `--json` gives, and how commands end.

Most run in this process (`here`), by the same function that the program calls; those whose point is
the process run as one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine, Ran

pytestmark = pytest.mark.timeout(300)


def opened(anabranch: CommandLine, namespace: str, task: str = "Plan the move") -> str:
    """Open a session; return its id."""
    return str(
        anabranch.here("session", "open", "--task", task, "-N", namespace, "--json").value[
            "session_id"
        ]
    )


@pytest.fixture
def namespace() -> str:
    """Give a namespace that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


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


def test_a_session_branches_and_completes(anabranch: CommandLine, namespace: str) -> None:
    """Open, branch, note, complete, tree: each gives ids and positions, and the tree shows both."""
    root = opened(anabranch, namespace)
    branch = anabranch.here(
        *("session", "branch", root, "--task", "Compare prices", "--role", "focus"),
        *("--priority", "high", "-N", namespace, "--json"),
    ).value
    note = anabranch.here("note", branch["session_id"], "budget", "8700", "-N", namespace, "--json")
    done = anabranch.here(
        *("session", "complete", branch["session_id"], "--result", "Two offers"),
        *("--insight", "Arrow is cheapest.", "--insight", "Swift is fastest."),
        *("-N", namespace, "--json"),
    ).value
    shown = anabranch.here("session", "show", branch["session_id"], "-N", namespace, "--json").value
    tree = anabranch.here("session", "tree", branch["session_id"], "-N", namespace, "--json").lines

    assert set(branch) == {
        *("session_id", "parent_id", "root_id", "forked_at", "event_id", "position")
    }
    assert (branch["parent_id"], branch["root_id"]) == (root, root)
    assert set(note.value) == {"session_id", "event_id", "position"}
    assert set(done) == {"session_id", "insight_ids", "event_id", "position"}
    assert len(done["insight_ids"]) == 2
    assert (shown["status"], shown["priority"]) == ("completed", "high")
    assert shown["working_memory"] == {"budget": 8700}
    assert [view["session_id"] for view in tree] == [root, branch["session_id"]]


def test_a_session_claims_and_is_watched(anabranch: CommandLine, namespace: str) -> None:
    """One session has a claim, the other hears who; a watch tells the insights of the thought."""
    root, rival = opened(anabranch, namespace), opened(anabranch, namespace)

    def session(*arguments: str) -> Ran:
        return anabranch.here("session", *arguments, "-N", namespace, "--json")

    claimed = session("claim", root, "hotel booking", "--ttl", "600").value
    refused = session("claim", rival, "hotel booking")
    token = str(claimed["token"])
    longer = session("renew", root, "hotel booking", "--token", token, "--ttl", "900").value
    released = session("release", root, "hotel booking", "--token", token)
    stale = session("release", root, "hotel booking", "--token", token)
    session("complete", root, "--result", "Booked", "--insight", "The Anker is booked.")
    watched = session("watch", root, "--after", "0").lines

    assert set(claimed) == {"session_id", "resource", "token", "expires_at"}
    assert (longer["token"], longer.keys()) == (claimed["token"], claimed.keys())
    assert longer["expires_at"] > claimed["expires_at"]
    assert (refused.code, refused.error["type"]) == (4, "ResourceTaken")
    assert (released.code, stale.code, stale.error["type"]) == (0, 4, "TokenStale")
    assert [(one["text"], one["session_id"]) for one in watched] == [("The Anker is booked.", root)]


def test_a_session_is_handed_off_and_closed(anabranch: CommandLine, namespace: str) -> None:
    """A hand-off gives the session that goes on, with the notes; closing ends it."""
    root = opened(anabranch, namespace)
    anabranch.here("note", root, "seen", '["a", "b"]', "-N", namespace, "--json")

    passed = anabranch.here(
        *("session", "hand-off", root, "--summary", "Half done", "--to", "night-shift"),
        *("-N", namespace, "--json"),
    ).value
    heir = anabranch.here("session", "show", passed["to"], "-N", namespace, "--json").value
    closed = anabranch.here("session", "close", passed["to"], "-N", namespace, "--json")
    listed = anabranch.here("session", "list", "-N", namespace, "--json").lines

    assert (heir["agent"], heir["working_memory"]) == ("night-shift", {"seen": ["a", "b"]})
    assert closed.code == 0
    assert {view["session_id"]: view["status"] for view in listed} == {
        root: "handed_off",
        passed["to"]: "closed",
    }


def test_think_with_a_command(anabranch: CommandLine, namespace: str) -> None:
    """Each branch runs the command with its task on stdin; the results are consolidated."""
    script = (
        "import json, sys; task = json.load(sys.stdin)['task']; "
        "print(json.dumps({'result': task, 'insights': ['Known about ' + task + '.']}))"
    )
    thought = anabranch.here(
        *("think", "Where to go?", "--branch", "Chiang Mai", "--branch", "Queenstown"),
        *("--executor", f'python3 -c "{script}"', "-N", namespace, "--json"),
    ).value
    again = anabranch.here("consolidate", thought["session_id"], "-N", namespace, "--json").value

    assert [branch["result"] for branch in thought["branches"]] == ["Chiang Mai", "Queenstown"]
    assert (thought["total_branches"], len(thought["consolidation"]["sources"])) == (2, 2)
    assert {"session_id", "task", "result", "duration_ms"} < set(thought["branches"][0])
    assert again["consolidation_id"] == thought["consolidation"]["consolidation_id"]
    assert {"root_id", "sessions", "sources", "text", "position"} < set(again)


def test_roles_of_ones_own_are_listed_and_thought_in(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """A file's roles come before the presets; a command hears their instructions."""
    path = tmp_path / "roles.toml"
    path.write_text('[skeptic]\ninstructions = "Doubt it."\n[focus]\nscope = "thought"\n')
    script = "import json, sys; print(json.load(sys.stdin)['instructions'])"

    listed = anabranch.here("roles", "--roles", str(path), "--json").lines
    thought = anabranch.here(
        *("think", "Where to go?", "--roles", str(path), "-N", namespace, "--json"),
        *("--executor", f'python3 -c "{script}"'),
    ).value

    assert [(one["name"], one["scope"], one["preset"]) for one in listed[:3]] == [
        ("skeptic", "namespace", False),
        ("focus", "thought", False),
        ("pattern recognition", "namespace", True),
    ]
    assert [one["role"] for one in thought["branches"]] == ["skeptic", "focus"]
    assert [one["result"] for one in thought["branches"]] == [
        "Doubt it.",
        listed[1]["instructions"],
    ]
    assert "skeptic" in anabranch.here("roles", "--roles", str(path)).out


def test_think_without_a_command_asks_memory(anabranch: CommandLine, namespace: str) -> None:
    """Without an executor each of `-n` branches recalls, from one role after the other."""
    for text in ("Kenta is exhausted after work.", "Kenta wants simple steps."):
        anabranch.here("remember", text, "-N", namespace, "--json")

    thought = anabranch.here(
        "think", "What helps Kenta?", "-n", "6", "-N", namespace, "--json"
    ).value

    assert thought["total_branches"] == 6
    assert [branch["role"] for branch in thought["branches"]][:2] == [
        "focus",
        "pattern recognition",
    ]
    assert "Kenta" in thought["consolidation"]["text"]


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


def test_events_are_exported_and_imported_once(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """An import of what the log has adds nothing; show and replay tell the same events."""
    root = opened(anabranch, namespace)
    anabranch.here("session", "branch", root, "--task", "A branch", "-N", namespace, "--json")
    file = tmp_path / "events.jsonl"

    exported = anabranch.here("events", "export", "-N", namespace, "-o", str(file))
    again = ("events", "export", "-N", namespace, "-o", str(file), "--force", "--json")
    counted = anabranch.here(*again).value
    plain = anabranch.here("events", "export", "-N", namespace).lines
    *chained, last = [json.loads(line) for line in file.read_text().splitlines()]
    lines = [{name: line[name] for name in line if name != "chain"} for line in chained]
    verified = anabranch.here("events", "verify", str(file), "--json").value
    checked = anabranch.here("events", "check", str(file), "--json").lines
    imported = anabranch.here("events", "import", str(file), "-N", namespace, "--json").value
    replayed = anabranch.here("replay", "--session", root, "-N", namespace, "--json").lines
    shown = anabranch.here(
        "events", "show", str(lines[0]["position"]), "-N", namespace, "--json"
    ).value

    assert exported.code == 0
    assert counted == {"exported": len(lines), "file": str(file)}
    assert [line["type"] for line in lines] == [
        "anabranch.session.opened.v1",
        "anabranch.branch.created.v1",
    ]
    assert lines == plain
    assert last == {"manifest": verified}
    assert (verified["events"], verified["last"]) == (2, lines[-1]["position"])
    assert [(line["line"], line["valid"]) for line in checked] == [(1, True), (2, True)]
    assert (imported["imported"], imported["skipped"]) == (0, 2)
    assert (imported["unreadable"], imported["complete"]) == (0, True)
    assert replayed == [shown] == lines[:1]


def test_a_producer_is_told_what_an_event_must_look_like(anabranch: CommandLine) -> None:
    """The schema of a type, of all types, and what is wrong with a line, without a memory."""
    one = anabranch.here("events", "schema", "anabranch.session.closed.v1", "--json").value
    every = anabranch.here("events", "schema").value
    checked = anabranch.here("events", "check", "-", "--json", text="hello\n")
    shown = anabranch.here("events", "check", "-", text="hello\n")

    assert one["properties"]["type"] == {"const": "anabranch.session.closed.v1"}
    assert {"$ref": "#/$defs/anabranch.session.closed.v1"} in every["oneOf"]
    assert (checked.code, checked.error["type"]) == (2, "EventInvalid")
    assert [
        (line["line"], line["valid"]) for line in map(json.loads, checked.out.splitlines())
    ] == [(1, False)]
    assert "invalid the message is not JSON" in shown.out


@in_full_only
def test_events_move_to_another_log(
    anabranch: CommandLine, namespace: str, alone: CommandLine
) -> None:
    """Imported into another log, a branch was still forked where its parent then stood."""
    root = opened(anabranch, namespace)
    anabranch.here("session", "branch", root, "--task", "A branch", "-N", namespace, "--json")
    exported = anabranch.here("events", "export", "-N", namespace).out

    imported = alone.here("events", "import", "-", "-N", namespace, "--json", text=exported).value
    there = alone.here("replay", "-N", namespace, "--json").lines

    assert (imported["imported"], imported["position"]) == (2, 2)
    assert [(line["position"], line["data"].get("forked_at")) for line in there] == [
        (1, None),
        (2, 1),
    ]


def test_tail_follows_what_happens(anabranch: CommandLine, namespace: str) -> None:
    """A tail that begins after a position tells what came since, then what comes."""
    opened(anabranch, namespace)

    told = anabranch.here(
        "events", "tail", "--after", "0", "-n", "1", "-N", namespace, "--json"
    ).lines

    assert [line["type"] for line in told] == ["anabranch.session.opened.v1"]


def test_replay_keeps_the_pauses(anabranch: CommandLine, namespace: str) -> None:
    """With a speed the events come with their pauses, so many times faster."""
    opened(anabranch, namespace)
    opened(anabranch, namespace)

    told = anabranch.here("replay", "--speed", "1000", "-N", namespace, "--json")

    assert (told.code, len(told.lines)) == (0, 2)


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
    opened(anabranch, namespace)
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
    opened(anabranch, namespace)
    with subprocess.Popen(
        anabranch.command("events", "tail", "--after", "0", "-N", namespace, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=anabranch.environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        opened(anabranch, namespace)

        code = process.wait(timeout=60)

        assert (code, process.stderr.read()) == (141, b"")


@in_full_only
def test_ctrl_c_ends_a_tail(anabranch: CommandLine, namespace: str) -> None:
    """Ctrl-C ends what follows for ever with 130, and without a traceback."""
    opened(anabranch, namespace)
    with subprocess.Popen(
        anabranch.command("events", "tail", "--after", "0", "-N", namespace, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=anabranch.environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)

        code = process.wait(timeout=60)

        assert (code, process.stderr.read()) == (130, b"")


def test_memory_is_corrected(anabranch: CommandLine, namespace: str) -> None:
    """Insights are updated, linked, cited, unlinked, retracted and forgotten, and shown by id."""

    def run(*words: str, text: str = "") -> Any:
        return anabranch.here(*words, "-N", namespace, "--json", text=text).value

    lines = 'The port is 5432\n\n{"text": "The cache is red", "tags": ["ops"]}\n'
    port, cache = run("remember-all", "-", text=lines)["insight_ids"]
    newer = run("update", port, "The port is 5433", "--kind", "fact")["insight_id"]
    run("associate", cache, newer, "--kind", "part of", "--weight", "0.7")
    run("cite", cache, newer, "--outcome", "confirmed")
    run("sever", cache, newer, "--kind", "part of", "--reason", "it is not")
    run("retract", cache, "--reason", "it is blue", "--valid-until", "2026-01-31")
    run("forget", newer, "--receipt", "ticket 7")

    old, gone, red = run("get", port), run("get", newer), run("get", cache)
    shown = anabranch.here("get", cache, "-N", namespace)
    assert (old["text"], old["superseded_by"]) == ("The port is 5432", [newer])
    assert (gone["text"], gone["kind"], gone["supersedes"]) == (None, "fact", [port])
    assert (red["tags"], red["retired_reason"]) == (["ops"], "it is blue")
    assert red["valid_until"].startswith("2026-01-31")
    assert "The cache is red" in shown.out
    assert "it is blue" in shown.out


def test_a_session_is_forgotten(anabranch: CommandLine, namespace: str) -> None:
    """A dry run says what would go; nobody there to be asked is an error that says what to do."""

    def run(*words: str) -> Any:
        return anabranch.here(*words, "-N", namespace, "--json")

    session = run("session", "open", "--task", "Where does Ann live?").value["session_id"]
    run("remember", "Ann lives in Uji", "--session", session)

    dry = run("forget", "--session", session[-8:], "--dry-run").value
    asked = run("forget", "--session", session)
    both = run("forget", session, "--session", session)
    gone = run("forget", "--session", session, "--yes", "--receipt", "ticket 7").value
    shown = anabranch.here("session", "show", session, "-N", namespace)

    assert (dry["dry_run"], dry["sums"]["insights"], dry["sessions"]) == (True, 1, [session])
    assert "--yes" in asked.err
    assert "ID and --session" in both.err
    assert (gone["dry_run"], gone["log_keeps"], gone["sums"]) == (False, True, dry["sums"])
    assert "Ann" not in shown.out


@pytest.mark.parametrize(
    "words",
    [
        ("get", "ID"),
        ("update", "ID", "The port is 5433"),
        ("retract", "ID", "--reason", "no"),
        ("forget", "ID"),
        ("cite", "ID"),
        ("associate", "ID", "OTHER"),
        ("sever", "ID", "OTHER"),
    ],
)
def test_an_insight_that_is_not_there_is_named(
    anabranch: CommandLine, namespace: str, words: tuple[str, ...]
) -> None:
    """Correcting what does not exist ends with 3; a bad line of many ends with 2 and its number."""
    ids = {"ID": str(uuid.uuid4()), "OTHER": str(uuid.uuid4())}
    arguments = [ids.get(word, word) for word in words]

    missing = anabranch.here(*arguments, "-N", namespace, "--json")
    bad = anabranch.here("remember-all", "-", "-N", namespace, "--json", text='a\n{"text": ""}\n')

    assert (missing.code, missing.error["type"]) == (3, "InsightNotFound")
    assert (bad.code, bad.error["type"]) == (2, "InputInvalid")
    assert bad.error["message"].startswith("line 2: text")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("fail", "--error", "no train"), "failed"),
        (("cancel", "--reason", "no train"), "cancelled"),
    ],
)
def test_a_session_is_ended_without_a_result(
    anabranch: CommandLine, namespace: str, words: tuple[str, ...], status: str
) -> None:
    """It shows why, and a second end is refused with 4."""
    name, *options = words
    session = opened(anabranch, namespace)

    ended = anabranch.here("session", name, session, *options, "-N", namespace, "--json")
    again = anabranch.here("session", name, session, *options, "-N", namespace, "--json")

    view = anabranch.here("session", "show", session, "-N", namespace, "--json").value
    assert set(ended.value) == {"session_id", "event_id", "position"}
    assert (view["status"], view["error"]) == (status, "no train")
    assert (again.code, again.error["type"]) == (4, "SessionEnded")


def test_a_session_and_a_branch_have_their_agents(anabranch: CommandLine, namespace: str) -> None:
    """`--agent` is in whose name each works."""
    opening = ("session", "open", "--task", "Plan", "--agent", "ada", "-N", namespace, "--json")
    root = anabranch.here(*opening).value["session_id"]
    forking = ("session", "branch", root, "--task", "Ask", "--agent", "bob", "-N", namespace)
    anabranch.here(*forking, "--json")

    listed = anabranch.here("session", "list", "-N", namespace, "--json").lines

    assert [one["agent"] for one in listed] == ["bob", "ada"]


def test_a_thought_without_a_branch_that_completed_fails(
    anabranch: CommandLine, namespace: str
) -> None:
    """Scripts see it by the exit code, and the error names the first reason."""
    ran = anabranch.here("think", "plan", "-n", "2", "-x", "false", "-N", namespace, "--json")

    assert (ran.code, ran.error["type"]) == (1, "ThoughtFailed")
    assert "none of the 2 branches" in ran.error["message"]
