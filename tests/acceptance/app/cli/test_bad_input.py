"""Bad input: each kind gives an error of the tree, with its exit code, and no traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine, Ran

pytestmark = pytest.mark.timeout(900)

NOWHERE = "/nowhere/at-all"
UNKNOWN = "01a20728-9303-7384-8336-25da4fe2860a"


class Case(NamedTuple):
    """A command that must fail, and how."""

    name: str
    arguments: tuple[str, ...]
    error: str
    code: int
    text: bytes = b""
    environment: tuple[tuple[str, str], ...] = ()


CASES = (
    Case("an empty text", ("remember", ""), "InputInvalid", 2),
    Case("a blank text", ("remember", " \n "), "InputInvalid", 2),
    Case("a control character", ("remember", "-"), "InputInvalid", 2, b"a\x07b"),
    Case("text that is no UTF-8", ("remember", "-"), "InputInvalid", 2, b"\xff\xfe"),
    Case("a lone surrogate", ("remember", "\udcff"), "InputInvalid", 2),
    Case("an empty question", ("recall", ""), "InputInvalid", 2),
    Case("an id that is no UUID", ("session", "show", "42"), "InputInvalid", 2),
    Case("an unknown session", ("session", "show", UNKNOWN), "SessionNotFound", 3),
    Case(
        "a branch of an unknown session",
        ("session", "branch", UNKNOWN, "--task", "x"),
        "SessionNotFound",
        3,
    ),
    Case(
        "an insight for an unknown session", ("remember", "x", "-s", UNKNOWN), "SessionNotFound", 3
    ),
    Case(
        "a recall in an unknown session",
        ("recall", "x", "--scope", "session", "-s", UNKNOWN),
        "SessionNotFound",
        3,
    ),
    Case("a replay of an unknown session", ("replay", "-s", UNKNOWN), "SessionNotFound", 3),
    Case(
        "replacing what is not there",
        ("remember", "x", "--supersedes", UNKNOWN),
        "InsightNotFound",
        3,
    ),
    Case("a namespace with a dot", ("recall", "x", "-N", "a.b"), "InputInvalid", 2),
    Case("a namespace with a wildcard", ("remember", "x", "-N", "*"), "InputInvalid", 2),
    Case("a namespace with a space", ("remember", "x", "-N", "a b"), "InputInvalid", 2),
    Case(
        "a namespace from the environment",
        ("remember", "x"),
        "SettingInvalid",
        2,
        environment=(("ANABRANCH_NAMESPACE", "a.>"),),
    ),
    Case("a negative position", ("recall", "x", "--as-of", "-1"), "InputInvalid", 2),
    Case("a position from the future", ("recall", "x", "--as-of", "9999"), "PositionFromFuture", 2),
    Case("waiting for the future", ("recall", "x", "--after", "9999"), "PositionFromFuture", 2),
    Case("a time that is none", ("recall", "x", "--as-of", "soon"), "InputInvalid", 2),
    Case("a replay from the future", ("replay", "--after", "9999"), "PositionFromFuture", 2),
    Case("an event that is not there yet", ("events", "show", "9999"), "PositionFromFuture", 2),
    Case("an event before the first", ("events", "show", "0"), "EventNotFound", 3),
    Case(
        "a scope without its session", ("recall", "x", "--scope", "lineage"), "ScopeNeedsSession", 2
    ),
    Case("a scope that is none", ("recall", "x", "--scope", "galaxy"), "InputInvalid", 2),
    Case("a k of nothing", ("recall", "x", "-k", "0"), "InputInvalid", 2),
    Case(
        "a priority that is none", ("session", "open", "--task", "x", "-p", "9"), "InputInvalid", 2
    ),
    Case("a speed of nothing", ("replay", "--speed", "0"), "InputInvalid", 2),
    Case("a confidence above one", ("remember", "x", "--confidence", "2"), "InputInvalid", 2),
    Case("broken Cypher", ("cypher", "MATCH (n RETURN n"), "CypherInvalid", 2),
    Case("Cypher that writes", ("cypher", "CREATE (n:X) RETURN n"), "QueryRefused", 2),
    Case(
        "Cypher that reads files",
        ("cypher", "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line"),
        "QueryRefused",
        2,
    ),
    Case(
        "Cypher that never ends",
        (
            "cypher",
            "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN count(a + b)",
        ),
        "QueryTimedOut",
        75,
        environment=(("ANABRANCH_QUERY_TIMEOUT_S", "1"),),
    ),
    Case(
        "a parameter that is no pair",
        ("cypher", "RETURN 1 AS x", "--param", "x"),
        "InputInvalid",
        2,
    ),
    Case("a parameter that is missing", ("cypher", "RETURN $x AS x"), "CypherInvalid", 2),
    Case("thinking with no command", ("think", "x", "--executor", ""), "InputInvalid", 2),
    Case("thinking with a command that is none", ("think", "x", "-x", NOWHERE), "InputInvalid", 2),
    Case("a worker of nothing", ("worker", "--executors", f"up={NOWHERE}"), "InputInvalid", 2),
    Case(
        "a worker that keeps slots for what it does not take",
        ("worker", "--executors", "recalling", "--priorities", "high", "--reserved", "1"),
        "InputInvalid",
        2,
    ),
    Case(
        "a worker of an unknown priority",
        ("worker", "--executors", "recalling", "--priorities", "hihg"),
        "InputInvalid",
        2,
    ),
    Case("thinking with no branches", ("think", "x", "-n", "0"), "InputInvalid", 2),
    Case(
        "thinking over workers with variables of here",
        ("think", "x", "--over", "workers", "-x", "up", "--env", "KEY"),
        "UsageInvalid",
        2,
    ),
    Case("thinking with variables of no command", ("think", "x", "--env", "K"), "UsageInvalid", 2),
    Case("roles of no file", ("think", "x", "--roles", "none.toml"), "InputInvalid", 2),
    Case("consolidating nothing", ("consolidate", UNKNOWN), "SessionNotFound", 3),
    Case("importing what is no event", ("events", "import", "-"), "EventInvalid", 2, b"hello\n"),
    Case("the schema of an unknown type", ("events", "schema", "tea.v1"), "InputInvalid", 2),
    Case("verifying what is no export", ("events", "verify", "-"), "ExportDamaged", 2, b"hello\n"),
    Case("verifying nothing", ("events", "verify", "-"), "ExportDamaged", 2),
    Case(
        "importing a file that is not there",
        ("events", "import", "/no/such/file"),
        "InputInvalid",
        2,
    ),
    Case("an option that is none", ("recall", "x", "--fast"), "UsageInvalid", 2),
    Case("a command that is none", ("forget-everything",), "UsageInvalid", 2),
    Case("a value that is no number", ("recall", "x", "-k", "many"), "UsageInvalid", 2),
    Case("nothing to open", ("session", "open"), "UsageInvalid", 2),
    Case(
        "a wrong address",
        ("status",),
        "SettingInvalid",
        2,
        environment=(("NATS_URL", "example.org"),),
    ),
    Case(
        "another log than the owner's",
        ("status",),
        "HomeMismatched",
        4,
        environment=(("NATS_URL", "nats://127.0.0.1:1"),),
    ),
)


def failed(ran: Ran, case: Case) -> tuple[str, int]:
    """Return type and exit code of a failure, having checked that it is told properly."""
    assert ran.out == ""
    assert "Traceback" not in ran.err
    found = json.loads(ran.err)
    assert set(found) == {"error"}
    assert set(found["error"]) == {"type", "message", "fix"}
    assert all(found["error"].values()), case.name
    return found["error"]["type"], ran.code


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_told(anabranch: CommandLine, case: Case) -> None:
    """The error's type, its exit code, one JSON object on stderr, and nothing on stdout."""
    ran = anabranch.here(
        *case.arguments, "--json", text=case.text, environment=dict(case.environment)
    )

    assert failed(ran, case) == (case.error, case.code)


@pytest.mark.parametrize(
    ("words", "message", "fix"),
    [
        (
            ("session", "show", "pump"),
            "session_id: 'pump' is neither an id nor the end or start of one",
            "give it as it is printed: whole, or at least four characters of its end or start",
        ),
        (
            ("get", "42"),
            "insight_id: '42' is neither an id nor the end or start of one",
            "give it as it is printed: whole, or at least four characters of its end or start",
        ),
        (
            ("think", "x", "--over", "workers", "--env", "KEY"),
            "env: a thought over workers passes no variable on: each worker has its own",
            "leave --env out here, and start the workers with `anabranch worker --env NAME`",
        ),
        (("think", ""), "task: is empty", "write something for task"),
        (
            ("associate", UNKNOWN, UNKNOWN),
            "to_id: is from_id too: an association links two different insights",
            "name another insight in to_id",
        ),
        (
            ("associations", UNKNOWN, "--limit", "0"),
            "limit: 0 is not from 1 to 50",
            "ask for 1 to 50",
        ),
        (
            ("recall", "x", "-N", ""),
            "namespace: '' is not a namespace: use 1 to 64 letters, digits, hyphens or underscores",
            "correct namespace",
        ),
        (
            ("namespace", "create", "a b"),
            "namespace: 'a b' is not a namespace: use 1 to 64 letters, digits, hyphens or underscores",
            "correct namespace",
        ),
        (("session", "--bogus"), "No such option: --bogus", "see `anabranch help session`"),
        (("remember",), "Missing argument 'TEXT'", "see `anabranch help remember`"),
        (
            ("events", "show", "first"),
            "Invalid value for 'POSITION': must be a whole number",
            "see `anabranch help events show`",
        ),
        (("xyzzy",), "No such command 'xyzzy'", "see `anabranch help`"),
        (
            ("cypher", "RETURN 1 +"),
            "Syntax error at line 1, column 11 - mismatched input '<EOF>', expected: an expression",
            "correct the query",
        ),
        (
            ("cypher", "MATCH (n)\nRETRUN n"),
            "Unexpected input 'RETRUN' at line 2, column 1\n  RETRUN n\n  ^",
            "correct the query",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words_of_the_command_line(
    anabranch: CommandLine, words: tuple[str, ...], message: str, fix: str
) -> None:
    """The message names the option or argument, and the fix what to type instead."""
    ran = anabranch.here(*words, "--json")

    assert json.loads(ran.err)["error"] | {"type": ""} == {
        "type": "",
        "message": message,
        "fix": fix,
    }


def test_branching_from_a_closed_session(anabranch: CommandLine) -> None:
    """A session that has ended takes no branches, no insights, and does not end again."""
    session = anabranch.here("session", "open", "--task", "x", "--json").value["session_id"]
    anabranch.here("session", "close", session)

    refused = [
        anabranch.here("session", "branch", session, "--task", "y", "--json"),
        anabranch.here("remember", "y", "--session", session, "--json"),
        anabranch.here("session", "complete", session, "--result", "y", "--json"),
    ]

    assert [(ran.code, ran.error["type"]) for ran in refused] == [(4, "SessionEnded")] * 3


def test_a_huge_text_is_kept(anabranch: CommandLine) -> None:
    """A text far beyond a message's size is remembered whole, and found."""
    text = "The archive of the harbour begins here. " * 20_000

    kept = anabranch.here("remember", "-", "--json", "-N", "huge", text=text).value
    shown = anabranch.here("session", "show", kept["session_id"], "--json", "-N", "huge").value
    found = anabranch.here("recall", "harbour archive", "--json", "-N", "huge").value

    assert [insight["text"] for insight in shown["insights"]] == [text]
    assert [hit["insight_id"] for hit in found["hits"]] == [kept["insight_id"]]


def test_a_text_beyond_all_bounds_is_refused(anabranch: CommandLine) -> None:
    """Past the limit of a text the error says so, and nothing is stored."""
    refused = anabranch.here("remember", "-", "--json", text="x" * (5 * 1024 * 1024))

    assert (refused.code, refused.error["type"]) == (2, "InputInvalid")


def test_an_error_for_people_says_what_to_do(anabranch: CommandLine) -> None:
    """Without `--json` the same error is two lines: what happened, and the fix."""
    refused = anabranch.here("session", "show", UNKNOWN)

    first, second = refused.err.splitlines()
    assert (refused.code, refused.out) == (3, "")
    assert first.startswith("SessionNotFound: ")
    assert second.startswith("To fix it: ")
