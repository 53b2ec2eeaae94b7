"""Corrections: `update`, `retract`, `forget` and their kin, and ids that are not there."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)


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
    everywhere = run("forget", session, "--everywhere")
    gone = run("forget", "--session", session, "--yes", "--receipt", "ticket 7").value
    shown = anabranch.here("session", "show", session, "-N", namespace)
    nobody = anabranch.here("forget", "--entity", "Xanthippe", "--yes", "-N", namespace)

    assert (dry["dry_run"], dry["sums"]["insights"], dry["sessions"]) == (True, 1, [session])
    assert "--yes" in asked.err
    assert "ID and --session are given" in both.err
    assert "everywhere: is for an entity" in everywhere.err
    assert (gone["dry_run"], gone["log_keeps"], gone["sums"]) == (False, True, dry["sums"])
    assert "Ann" not in shown.out
    assert nobody.out.splitlines() == ["Forgot 0 insights and 0 sessions of entity Xanthippe"]


def test_the_name_of_a_file_is_not_remembered(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """`remember-all notes.jsonl` means what stands in the file, and is told how to have it read."""
    notes = tmp_path / "my notes.jsonl"
    notes.write_text("The heron nests at Uji\n")

    refused = anabranch.here("remember-all", str(notes), "-N", namespace, "--json")

    assert (refused.code, refused.error["type"]) == (2, "InputInvalid")
    assert f"anabranch remember-all - < '{notes}'" in refused.error["fix"]


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
