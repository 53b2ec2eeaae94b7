"""Messages of Pydantic AI that no case has: without ids, of several conversations, of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.readers.pydantic_ai import PydanticAiReader
from anabranch.importers.records.model import Summary, Turn
from tests.support.transcripts import CASES, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.transcripts import Told

_LONG: Final = "x" * 100_000


def saved(path: Path, messages: list[dict[str, Any]]) -> Path:
    """Save messages as the library writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(messages, separators=(",", ":")))
    return path


def asked(text: str, minute: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a message with a prompt; releases of old have no ids."""
    time = f"2026-11-30T01:{minute:02}:00Z"
    part = {"content": text, "timestamp": time, "part_kind": "user-prompt"}
    return {"parts": [part], "instructions": None, "kind": "request", **fields}


def answered(text: str, **fields: Any) -> dict[str, Any]:
    """Return a message with an answer."""
    return {"parts": [{"content": text, "part_kind": "text"}], "kind": "response", **fields}


def read(folder: Path) -> list[Told]:
    """Return what is told of each file below a folder."""
    return [told(READERS[source.tool].read(source)) for source in sources_below([folder])]


def ids(found: Told) -> list[str]:
    """Return the keys of lines."""
    return list(found.lines)


def test_files_of_the_same_name_without_ids_are_conversations_of_their_own(tmp_path: Path) -> None:
    """One that grew, or lies elsewhere, is the same as before."""
    lamp, pump = asked("Check the lamp."), asked("Check the pump.", 1)
    for folder, messages in (
        ("a", [lamp]),
        ("b", [pump, answered("It runs.")]),
        ("c", [lamp, answered("It burns.")]),
    ):
        saved(tmp_path / folder / "messages.json", messages)

    a, b, c = read(tmp_path)

    assert ids(a) == ids(c)
    assert set(ids(a)).isdisjoint(ids(b))
    (line,) = c.lines.values()
    assert line.texts == [["user", "Check the lamp."], ["assistant", "It burns."]]


def test_a_conversation_that_comes_again_in_a_file_opens_once(tmp_path: Path) -> None:
    """After a fork the list may go on with messages of the first: they are said on its line."""
    first: dict[str, Any] = {"conversation_id": "A"}
    second: dict[str, Any] = {"conversation_id": "B"}
    messages = [
        asked("Q1", **first),
        answered("A1", **first),
        asked("Q2", 1, **second),
        asked("Q3", 2, **first),
        answered("A3", **first),
        asked("Q4", 3, **second),
    ]
    saved(tmp_path / "messages.json", messages)

    (found,) = read(tmp_path)

    lines = [
        (line.opened.parent, [text for _, text in line.texts]) for line in found.lines.values()
    ]
    assert lines == [(None, ["Q1", "A1", "Q3", "A3"]), ("A", ["Q2", "Q4"])]


def test_a_prompt_that_a_summary_was_put_before_is_the_same_prompt(tmp_path: Path) -> None:
    """The next run puts both in one message, without the ids of the prompt (pydantic-ai 2.66.0).

    See findings/pydantic_ai_merges_a_prompt_into_the_summary_before_it.sh.
    """
    first, second = ({"part_kind": "compaction", "content": text} for text in ("Dry.", "Wet."))
    prompt = asked("Check the lamp.", conversation_id="A", run_id="r3")
    when = {"timestamp": "2026-11-30T01:00:01Z"}
    answer = answered("It burns.", conversation_id="A", run_id="r3", **when)
    without = {"instructions": None, "kind": "request", "run_id": None, "conversation_id": None}
    for name, messages in {
        "1": [prompt, answer],
        "2": [{"parts": [first], **without}, prompt, answer],
        "3": [{"parts": [first, *prompt["parts"]], **without}, answer],
        "4": [{"parts": [second, *prompt["parts"]], **without}, answer],
    }.items():
        saved(tmp_path / name / "messages.json", messages)

    records = [[*PydanticAiReader().read(source)] for source in sources_below([tmp_path])]

    assert [list(told(one).lines) for one in records] == [["A"]] * 4
    turns = {one.id for file in records for one in file if isinstance(one, Turn)}
    assert len(turns) == 2
    summaries = {one.id: one.text for file in records for one in file if isinstance(one, Summary)}
    assert sorted(summaries.values()) == ["Dry.", "Wet."]


@pytest.mark.parametrize(
    ("state", "final"),
    [({}, True), ({"state": "complete"}, True)]
    + [({"state": state}, False) for state in ("interrupted", "incomplete", "suspended")],
)
def test_half_an_answer_is_a_remark(state: dict[str, str], *, final: bool, tmp_path: Path) -> None:
    """A stream that was cancelled, or left while the run went on, is kept with the half that came.

    See findings/pydantic_ai_forgets_an_answer_whose_stream_was_left.sh (pydantic-ai 2.66.0).
    """
    path = tmp_path / "messages.json"
    saved(path, [asked("Is the buoy safe?"), answered("The buoy is at the pier, ", **state)])

    (source,) = sources_below([tmp_path])
    turns = [one for one in PydanticAiReader().read(source) if isinstance(one, Turn)]

    assert [(turn.said, turn.final) for turn in turns] == [("user", None), ("assistant", final)]


@pytest.mark.parametrize(
    "part",
    [{"text": "Check the lamp."}, {"text": _LONG}, {"functionCall": {"name": "f"}}, None],
    ids=["text", "long", "call", "none"],
)
def test_a_history_of_another_library_is_left_alone(
    part: dict[str, Any] | None, tmp_path: Path
) -> None:
    """Google GenAI's begins with parts as well, and names no kind."""
    history = [{"parts": [part] if part else [], "role": "user"}]
    saved(tmp_path / "history.json", history)

    assert sources_below([tmp_path]) == []


@pytest.mark.parametrize("text", ["Check the lamp.", _LONG], ids=["short", "long"])
def test_the_first_message_may_be_of_any_length(text: str, tmp_path: Path) -> None:
    """Its kind stands behind its text, which may be a picture."""
    saved(tmp_path / "messages.json", [asked(text)])

    (found,) = read(tmp_path)

    assert [line.task for line in found.lines.values()] == [text]


@pytest.mark.parametrize(
    "case", sorted((CASES / "pydantic-ai-2.66.0").iterdir()), ids=lambda case: case.name
)
def test_what_the_library_wrote_is_claimed(case: Path) -> None:
    """Its own files have the kinds of messages and parts."""
    assert {source.tool for source in sources_below([case])} == {PydanticAiReader.tool}
