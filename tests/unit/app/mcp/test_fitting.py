"""Long answers are cut to what a client shows to its model, and say what is not there."""

# pyright: reportPrivateUsage=false
# How often texts are looked at is counted where they are cut.

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import validate

from anabranch.mcp import fitting
from anabranch.mcp.fitting import ANSWER_BYTES, bytes_shown, fitted
from anabranch.mcp.tool_table import TOOLS
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

    assert fitted("recall", answer, bytes_max=bytes_shown(CODEX)) == answer
    assert bytes_shown("claude-code") == bytes_shown(None) == ANSWER_BYTES


def test_every_hit_of_a_long_answer_is_shown_to_codex() -> None:
    """Long texts end early, short ones stay whole, and the first member says what is missing."""
    answer = recalled(["The pier is closed.", *["The pier is closed. " * 200] * 9])

    seen = fitted("recall", answer, bytes_max=bytes_shown(CODEX))

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
    hits = fitted("recall", recalled(["pier " * 50] * 100), bytes_max=bytes_shown(CODEX))
    events = fitted("get_history", told(100, "learned " * 40), bytes_max=bytes_shown(CODEX))

    validate(events, GIVES["get_history"])
    assert f"{100 - len(hits['hits'])} of hits are left out" in hits["cut"]
    assert 10 < len(hits["hits"]) < 40
    assert [one["position"] for one in events["events"]] == [
        *range(101 - len(events["events"]), 101)
    ]
    assert events["earlier"] == 3 + 100 - len(events["events"])


def looked_up(**members: Any) -> dict[str, Any]:
    """Return an answer of `get_session`."""
    names = ("session_id", "root_id", "task", "status", "role", "agent", "result", "error")
    session = {**dict.fromkeys(names, "1"), "parent_id": None, "depth": 0, "position": 9}
    return {**session, "working_memory": {}, "insights": [], **members}


def put_together(text: str, sources: int) -> dict[str, Any]:
    """Return an answer of `consolidate_session`."""
    ids = [f"01a20000-0000-7000-8000-{number:012}" for number in range(sources)]
    return {
        "consolidation_id": ids[0],
        "root_id": ids[0],
        "sessions": ids[:3],
        "sources": ids,
        "text": text,
        "position": 9,
        "method": "extractive",
        "dropped": {},
        "fallback": None,
    }


def test_a_long_note_becomes_the_beginning_of_its_json() -> None:
    """A note is any JSON, so a long one may be text instead."""
    memory = {"plan": list(range(20_000)), "port": 5432, "file": "x" * 90_000}

    seen = fitted("get_session", looked_up(working_memory=memory), bytes_max=ANSWER_BYTES)

    validate(seen, GIVES["get_session"])
    assert seen["working_memory"]["port"] == 5432
    assert seen["working_memory"]["plan"].startswith("[0,1,2,3,")
    assert size(seen) <= ANSWER_BYTES


def test_many_notes_are_counted_and_kept_longer_than_insights() -> None:
    """Notes are what a session is taken over for; what is gone of each is said, and where it is."""
    notes = {f"note {number:03}": "x" * 100 for number in range(200)}
    insights = [{"insight_id": "1", "text": "The pier is closed.", "kind": "fact"}]

    answer = looked_up(working_memory=notes, insights=insights)
    seen = fitted("get_session", answer, bytes_max=bytes_shown(CODEX))

    kept = len(seen["working_memory"])
    assert 10_000 < size(seen) <= bytes_shown(CODEX)
    assert [*seen["working_memory"]] == [*notes][:kept]
    assert f"{200 - kept} of working_memory are left out, 1 of insights are" in seen["cut"]
    assert seen["cut"].endswith("Read anabranch://session/{session_id}.")


@pytest.mark.parametrize(("client", "sources"), [(None, 1100), (CODEX, 400)])
def test_ids_go_before_the_text_that_was_asked_for(client: str | None, sources: int) -> None:
    """A synthesis is read; its sources are many, and end first."""
    answer = put_together("The pier is closed [1]. " * 350, sources)

    seen = fitted("consolidate_session", answer, bytes_max=bytes_shown(client))

    kept = seen["sources"]
    assert seen["text"] == answer["text"]
    assert seen["sessions"] in ([], answer["sessions"])
    assert kept == answer["sources"][: len(kept)]
    assert f"client: {sources - len(kept)} of sources are left out" in seen["cut"]
    assert bytes_shown(client) - 300 < size(seen) <= bytes_shown(client)


def test_a_text_is_cut_once_its_ids_are_gone() -> None:
    """What is asked for has all the room there is."""
    answer = put_together("The pier is closed [1]. " * 4000, 1100)

    seen = fitted("consolidate_session", answer, bytes_max=ANSWER_BYTES)

    assert (seen["sources"], seen["sessions"]) == ([], [])
    assert ANSWER_BYTES - 300 < size(seen) <= ANSWER_BYTES


def test_a_long_list_costs_no_more_than_one_look_at_each_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the shortest texts do not fit, no other length is tried."""
    answer = recalled(["The pier is closed. " * 20] * 2_000)
    cut, counted = fitting._cut, 0

    def counting(value: Any, length: int) -> Any:
        nonlocal counted
        counted += isinstance(value, str)
        return cut(value, length)

    monkeypatch.setattr(fitting, "_cut", counting)
    texts = 6 * len(answer["hits"])
    fitted("recall", answer, bytes_max=bytes_shown(CODEX))

    assert texts < counted < 1.5 * texts


SHORTENED = {spec.name: spec.shortening for spec in TOOLS if spec.shortening}
TEXTS = st.text(max_size=40).map(lambda text: text * 60)


def values(schema: dict[str, Any], items: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """Return values of a schema; how many items its outer lists have is drawn from `items`."""
    if "anyOf" in schema:
        return st.one_of(*(values(one, items) for one in schema["anyOf"]))
    few = st.integers(0, 3)
    match schema.get("type"):
        case "null":
            return st.none()
        case "string":
            return TEXTS
        case "integer":
            return st.integers(0, 2**53)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "array":
            item = values(schema["items"], few)
            return st.tuples(items, st.lists(item, min_size=1, max_size=4)).map(repeated)
        case "object" if "properties" in schema:
            members = {name: values(one, few) for name, one in schema["properties"].items()}
            return st.fixed_dictionaries(members)
        case "object":
            one = values(schema["additionalProperties"], few)
            return st.tuples(items, one).map(numbered)
        case _:
            return st.one_of(TEXTS, st.integers(0, 9), st.lists(st.integers(0, 9), max_size=400))


def repeated(drawn: tuple[int, list[Any]]) -> list[Any]:
    """Return so many items."""
    count, items = drawn
    return [items[at % len(items)] for at in range(count)]


def numbered(drawn: tuple[int, Any]) -> dict[str, Any]:
    """Return so many fields."""
    count, value = drawn
    return {f"field {at}": value for at in range(count)}


def answers(tool: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return answers of a tool, in any script and of any length."""
    members = {name: one for name, one in GIVES[tool]["properties"].items() if name != "cut"}
    many = st.integers(0, 1200)
    return st.fixed_dictionaries({name: values(one, many) for name, one in members.items()})


def kept(before: Any, after: Any) -> bool:
    """Tell whether as many items, or as much of a text, are there as before."""
    return before is None or len(after) >= len(before)


@pytest.mark.parametrize("client", [CODEX, None])
@pytest.mark.parametrize("tool", GIVES)
@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_answer_of_any_tool_fits(tool: str, client: str | None, data: st.DataObject) -> None:
    """Whatever is in memory, a client's model gets a whole answer, and longest what it asked for."""
    answer = data.draw(answers(tool))

    seen = fitted(tool, answer, bytes_max=bytes_shown(client))

    validate(seen, GIVES[tool])
    shortening = SHORTENED.get(tool)
    if shortening is None:
        return
    assert size(seen) <= bytes_shown(client)
    if not kept(answer[shortening.main], seen[shortening.main]):
        first = (*shortening.ids, *(() if shortening.main == "text" else shortening.others))
        assert not any(seen[name] for name in first)


def test_all_that_may_be_long_is_given_up_at_last() -> None:
    """A list of a tool that is in no order would never be cut, and its answer might not fit."""
    for tool, schema in GIVES.items():
        shortening = SHORTENED.get(tool)
        ordered = {shortening.main, *shortening.others, *shortening.ids} if shortening else set()
        for name, one in schema["properties"].items():
            kinds = {each.get("type") for each in one.get("anyOf", [one])}
            assert name in ordered or not kinds & {"array", "object"}, (tool, name)
        assert ("cut" in schema["properties"]) is (shortening is not None)
