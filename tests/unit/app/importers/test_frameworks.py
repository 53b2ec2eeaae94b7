"""Sessions that the frameworks' own libraries write here, offline, and that are read at once."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from agents import Agent, RunConfig, Runner, SQLiteSession
from agents.extensions.memory import EncryptedSession
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import MessagesState  # noqa: TC002 - LangGraph reads what nodes take.

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.langgraph_graphs import (
    THREAD,
    ask_again,
    ask_again_at_earlier_checkpoints,
    ask_in_deltas,
    ask_side_by_side,
    graph_of,
)
from tests.support.patience import PATIENCE_S
from tests.support.scripted_model import ScriptedModel
from tests.support.transcripts import shows, told

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph.checkpoint.base import CheckpointTuple

    from tests.support.transcripts import Told

OFFLINE: Final = RunConfig(tracing_disabled=True)


def read(folder: Path) -> Told:
    """Return all that is told of the sessions below a folder."""
    found = told(
        record for source in sources_below([folder]) for record in READERS[source.tool].read(source)
    )
    assert (found.broken, found.unknown) == ([], {})
    return found


def talk(found: Told) -> list[tuple[str, str | None, str | None, list[str]]]:
    """Return each line as its kind, its parent's task, its result, and its texts."""
    return [
        (
            line.opened.kind,
            found.lines[line.opened.parent].task if line.opened.parent else None,
            line.result,
            [text for _, text in line.texts],
        )
        for line in found.lines.values()
    ]


@shows("openai-agents", "parallel", "resume")
async def test_agents_that_one_answer_calls_and_a_session_that_is_taken_up_again(
    tmp_path: Path,
) -> None:
    """Each agent that was called as a tool is a line; what is said later goes on in the session."""
    helpers = [
        Agent(name=name, model=ScriptedModel([f"{name} says dry."])).as_tool(name, f"Ask {name}")
        for name in ("bravo", "charlie")
    ]
    calls = [("bravo", {"input": "Check the lens."}), ("charlie", {"input": "Check the horn."})]
    model = ScriptedModel([calls, "Both are dry.", "Good night."])
    keeper = Agent(name="keeper", model=model, tools=[*helpers])
    for asked in ("Is all dry?", "Thanks."):
        with closing(SQLiteSession("watch", tmp_path / "agents.db")) as session:
            await Runner.run(keeper, asked, session=session, run_config=OFFLINE)

    found = read(tmp_path)

    assert talk(found) == [
        ("main", None, "Good night.", ["Is all dry?", "Both are dry.", "Thanks.", "Good night."]),
        ("subagent", "Is all dry?", "bravo says dry.", []),
        ("subagent", "Is all dry?", "charlie says dry.", []),
    ]
    assert [line.task for line in found.lines.values()][1:] == [
        "Check the lens.",
        "Check the horn.",
    ]


@shows("langgraph-sqlite", "parallel", "nested", "resume")
def test_graphs_that_run_beside_and_within_each_other_and_a_thread_that_is_taken_up_again(
    tmp_path: Path,
) -> None:
    """Each graph of a node is a line below the one that invoked it; a thread goes on."""
    for ask in (ask_side_by_side, ask_again):
        with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
            ask(saver)

    found = read(tmp_path)

    main, *graphs = talk(found)
    assert main[3] == [
        "Is all dry?",
        "horn: Looked: Check the horn.",
        "lens: Looked: Check the lens.",
        "And the wick?",
        "Looked: And the wick?",
    ]
    horn_said, lens_said = "Looked: Check the horn.", "Looked: Check the lens."
    assert sorted(graphs) == [
        ("subagent", "Check the lens.", lens_said, ["Check the lens.", lens_said]),
        ("subagent", "Is all dry?", horn_said, ["Check the horn.", horn_said]),
        ("subagent", "Is all dry?", lens_said, ["Check the lens.", lens_said]),
    ]


def test_messages_that_stand_beside_their_checkpoints_are_told(tmp_path: Path) -> None:
    """A channel of LangGraph 1.2.24 keeps what is written alone, and the whole in some checkpoints.

    A text has no id, neither there nor here. See
    findings/langgraph_checkpoints_of_a_deep_agent_hold_no_messages.sh.
    """
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        ask_in_deltas(saver)

    main, left = talk(read(tmp_path))

    fog = ["Is there fog?", "Looked: Is there fog?"]
    assert left == ("abandoned", "Is it lit?", "Looked: Is there fog?", fog)
    assert main[3] == [
        "Is it lit?",
        "Looked: Is it lit?",
        *fog,
        "And the boat?",
        "Looked: And the boat?",
        "Away.",
        "Forget it.",
        "That answer is gone.",
        "Begin anew.",
        "Is it day?",
        "Looked: Is it day?",
    ]


def test_what_a_message_was_on_another_line_takes_it_from_none(tmp_path: Path) -> None:
    """An edited question has its old id; a graph's answer is in both lines that resumed it.

    Of LangGraph 1.2.24, see findings/langgraph_answers_an_interrupt_once_more_as_before.sh.
    """
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        ask_again_at_earlier_checkpoints(saver)

    lines = [(kind, texts) for kind, _, _, texts in talk(read(tmp_path))]

    assert lines == [
        ("main", ["Is it lit?", "Is it dark?", "Looked: Is it dark?"]),
        ("abandoned", ["Looked: Is it lit?"]),
        ("abandoned", ["Looked: Is it lit?"]),
        ("main", ["Open it.", "Looked: Open it.", "I may: yes"]),
        ("subagent", ["Open it.", "Looked: Open it."]),
        ("abandoned", ["I may: yes"]),
    ]


def test_an_answer_beside_a_node_that_failed_is_told_once(tmp_path: Path) -> None:
    """It stands in no checkpoint of LangGraph 1.2.24 until the step is taken up again.

    See findings/langgraph_get_state_shows_an_answer_that_no_checkpoint_has.sh.
    """
    question: Any = {"messages": [HumanMessage("All well?", id="1")]}
    failing = [True]

    def is_kept(found: CheckpointTuple | None) -> bool:
        written = found.pending_writes if found else None
        return any(channel == "messages" for _, channel, _ in written or [])

    def well(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("All is well.", id="2")]}

    def boats(_: MessagesState) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while failing and not is_kept(saver.get_tuple(THREAD)):
            assert time.monotonic() < until
            time.sleep(0.01)
        if failing:
            raise ConnectionError
        return {"messages": [AIMessage("Three boats.", id="3")]}

    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        app = graph_of(well, boats=boats).compile(checkpointer=saver)
        with pytest.raises(ConnectionError):
            app.invoke(question, THREAD)
        failed = talk(read(tmp_path))
        failing.clear()
        app.invoke(None, THREAD)

    (main,) = talk(read(tmp_path))
    assert failed == [("main", None, "All is well.", ["All well?", "All is well."])]
    assert sorted(main[3]) == ["All is well.", "All well?", "Three boats."]


async def test_an_encrypted_session_is_said_to_be_one(tmp_path: Path) -> None:
    """Of openai-agents 0.24.0; what a plain session added to the same file is told.

    See findings/openai_agents_encrypted_session_forgets_after_ten_minutes.sh.
    """
    path = tmp_path / "agents.db"
    with closing(SQLiteSession("watch", path)) as plain:
        session = EncryptedSession("watch", underlying_session=plain, encryption_key="the key")
        await session.add_items([{"role": "user", "content": "Is the buoy safe?"}] * 2)
        await plain.add_items([{"role": "user", "content": "Is the lens dry?"}])

    found = read(tmp_path)

    assert talk(found) == [("main", None, None, ["Is the lens dry?"])]
    assert found.left_out == {"encrypted": 2}


class Turned:
    """A cipher, as LangGraph's serializer wants one."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """Turn each byte."""
        return "turned", bytes(each ^ 0xFF for each in plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """Turn each byte back."""
        assert ciphername == "turned"
        return bytes(each ^ 0xFF for each in ciphertext)


def test_encrypted_and_damaged_checkpoints_are_counted(tmp_path: Path) -> None:
    """Of LangGraph 1.2.24: what is no MessagePack, and texts that are no UTF-8, end nothing.

    See findings/msgspec_leaves_broken_texts_to_python.sh.
    """

    def well(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("All is well.", id="2")]}

    for name, serializer in (("encrypted", EncryptedSerializer(Turned())), ("damaged", None)):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "checkpoints.db"
        with closing(sqlite3.connect(path, check_same_thread=False)) as database:
            app = graph_of(well).compile(checkpointer=SqliteSaver(database, serde=serializer))
            app.invoke({"messages": [HumanMessage("All well?", id="1")]}, THREAD)
    with closing(sqlite3.connect(path)) as database:
        kept = database.execute("SELECT rowid, checkpoint FROM checkpoints").fetchall()
        for place, (row, checkpoint) in enumerate(kept):
            given = {0: checkpoint.replace(b"channel_values", b"channel\xffvalues"), 1: b"\xc1"}
            changed = (given.get(place, checkpoint), row)
            database.execute("UPDATE checkpoints SET checkpoint = ? WHERE rowid = ?", changed)
        database.commit()

    encrypted, damaged = (read(tmp_path / name) for name in ("encrypted", "damaged"))

    assert (talk(encrypted), encrypted.left_out) == (
        [("main", None, None, [])],
        {"encrypted": len(kept)},
    )
    assert talk(damaged) == [("main", None, "All is well.", ["All well?", "All is well."])]
    assert damaged.left_out["damaged"] == 2
