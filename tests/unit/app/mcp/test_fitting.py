"""Long answers are cut to what a client shows to its model, and say what is not there."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import validate

from anabranch.mcp.fitting import ANSWER_BYTES, bytes_shown, fitted
from anabranch.mcp.tools import listed_tools
from tests.support.rounds import examples

CODEX = "codex-mcp-client"
GIVES = {tool["name"]: tool["outputSchema"] for tool in listed_tools()}


def recalled(texts: list[str]) -> dict[str, Any]:
    """Return an answer of `recall` with these texts."""
    hit = {
        "insight_id": "01a20000-0000-7000-8000-000000000001",
        "session_id": "01a20000-0000-7000-8000-000000000002",
        "kind": "observation",
        "subject": None,
        "tags": ["pier"],
        "recorded_at": "2026-11-29T20:00:00Z",
        "position": 7,
        "similarity": 0.5,
        "retired": None,
        "also_in": 0,
        "conflicts": [],
    }
    hits = [{**hit, "text": text} for text in texts]
    return {
        "recall_id": hit["insight_id"],
        "hits": hits,
        "associated": [],
        "position": 9,
        "nothing_close": False,
    }


def told(count: int, happened: str) -> dict[str, Any]:
    """Return an answer of `get_history` with so many events, at positions from 1."""
    event = {
        "stored_at": "2026-11-29T20:00:00Z",
        "type": "anabranch.insight.recorded.v1",
        "session_id": "01a20000-0000-7000-8000-000000000002",
        "agent": None,
        "happened": happened,
    }
    return {"events": [{"position": at, **event} for at in range(1, count + 1)], "earlier": 3}


def size(answer: dict[str, Any]) -> int:
    """Return the bytes of an answer in JSON."""
    return len(orjson.dumps(answer))


def test_what_fits_stays_as_it_is() -> None:
    """Three facts of a sentence are nobody's problem."""
    answer = recalled(["The pier is closed."] * 3)

    assert fitted(answer, bytes_max=bytes_shown(CODEX)) == answer
    assert bytes_shown("claude-code") == bytes_shown(None) == ANSWER_BYTES


def test_every_hit_of_a_long_answer_is_shown_to_codex() -> None:
    """Long texts end early, short ones stay whole, and the first member says what is missing."""
    answer = recalled(["The pier is closed.", *["The pier is closed. " * 200] * 9])

    seen = fitted(answer, bytes_max=bytes_shown(CODEX))

    validate(seen, GIVES["recall"])
    assert 10_000 < size(seen) <= bytes_shown(CODEX)
    assert [hit["insight_id"] for hit in seen["hits"]] == [
        hit["insight_id"] for hit in answer["hits"]
    ]
    first, second = (hit["text"] for hit in seen["hits"][:2])
    length, gone = len(second.partition(" … [")[0]), int(second.split("[")[1].split()[0])
    assert first == "The pier is closed."
    assert length + gone == 4000
    assert next(iter(seen)) == "cut"
    assert seen["cut"].startswith(f"Too long for this client: texts end after {length} characters.")


def test_the_last_hits_and_the_earliest_events_go_where_cutting_is_not_enough() -> None:
    """A list is left out from its less important end, and what is gone is counted."""
    hits = fitted(recalled(["pier " * 50] * 100), bytes_max=bytes_shown(CODEX))
    events = fitted(told(100, "learned " * 40), bytes_max=bytes_shown(CODEX))

    validate(events, GIVES["get_history"])
    assert f"{100 - len(hits['hits'])} of hits are left out" in hits["cut"]
    assert 10 < len(hits["hits"]) < 40
    assert [one["position"] for one in events["events"]] == [
        *range(101 - len(events["events"]), 101)
    ]
    assert events["earlier"] == 3 + 100 - len(events["events"])


def test_a_long_note_becomes_the_beginning_of_its_json() -> None:
    """A note is any JSON, so a long one may be text instead."""
    memory = {"plan": list(range(20_000)), "port": 5432, "file": "x" * 90_000}

    seen = fitted({"session_id": "1", "working_memory": memory}, bytes_max=ANSWER_BYTES)

    assert seen["working_memory"]["port"] == 5432
    assert seen["working_memory"]["plan"].startswith("[0,1,2,3,")
    assert size(seen) <= ANSWER_BYTES


def test_many_notes_are_left_out_from_the_last() -> None:
    """Notes are a map and no list: what no cutting of texts brings down is shortened all the same."""
    memory = {f"step {at}": "done " * 30 for at in range(500)}

    seen = fitted(
        {"session_id": "1", "working_memory": memory}, bytes_max=bytes_shown("codex-mcp-client")
    )

    kept = seen["working_memory"]
    assert size(seen) <= bytes_shown("codex-mcp-client")
    assert kept == dict([*memory.items()][: len(kept)]) != {}
    assert f"{500 - len(kept)} of working_memory are left out" in seen["cut"]


TEXTS = st.text(max_size=40).map(lambda text: text * 60)


@pytest.mark.parametrize("client", [CODEX, None])
@settings(max_examples=examples(20), deadline=None)
@given(texts=st.lists(TEXTS, max_size=120))
def test_any_answer_of_recall_fits(texts: list[str], client: str | None) -> None:
    """Whatever is in memory, in any script, a client's model gets a whole answer."""
    seen = fitted(recalled(texts), bytes_max=bytes_shown(client))

    assert size(seen) <= bytes_shown(client)
    validate(seen, GIVES["recall"])
