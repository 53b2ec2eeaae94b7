"""The session for the OpenAI Agents SDK, held against the SDK's own, and in its runner."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    RunConfig,
    Runner,
    SQLiteSession,
)
from agents.memory import Session, SessionSettings

from anabranch import Memory
from anabranch.adapters.openai_agents import ROLE, AnabranchSession
from tests.support.scripted_model import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch import sync
    from anabranch.settings import Settings

OFFLINE = RunConfig(tracing_disabled=True)
ROUNDS = 60


def message(text: str) -> Any:
    """Return an item as the SDK has it."""
    return {"role": "user", "content": text}


async def test_it_does_what_the_sdks_own_session_does(memory: Memory) -> None:
    """Any series of adding, reading, popping and clearing has the same outcome."""
    chance = random.Random(20261128)  # noqa: S311 - a series that is the same every time.
    ours: Session = AnabranchSession("ada", memory)
    theirs = SQLiteSession("ada")

    for number in range(ROUNDS):
        items = [message(f"{number}.{each}") for each in range(chance.randint(0, 3))]
        limit = chance.choice([None, -1, 0, 1, 2, 5])
        match chance.choice(["add", "add", "pop", "get", "clear" if number % 9 == 0 else "get"]):
            case "add":
                await ours.add_items(items)
                await theirs.add_items(items)
            case "pop":
                assert await ours.pop_item() == await theirs.pop_item()
            case "clear":
                await ours.clear_session()
                await theirs.clear_session()
            case _:
                assert await ours.get_items(limit) == await theirs.get_items(limit), limit

    assert await ours.get_items() == await theirs.get_items()
    theirs.close()


async def test_a_conversation_goes_on_elsewhere(
    memory: Memory, namespace_settings: Settings
) -> None:
    """Another process that opens the memory has the items, by the conversation's name."""
    await AnabranchSession("ada", memory).add_items([message("hi"), message("ho")])

    async with Memory.open(settings=namespace_settings) as elsewhere:
        settings = SessionSettings(limit=1)
        same = AnabranchSession("ada", elsewhere, session_settings=settings)
        other = AnabranchSession("bob", elsewhere)

        assert await same.get_items() == [message("ho")]
        assert await same.get_items(limit=2) == [message("hi"), message("ho")]
        assert await other.get_items() == []
        assert len(await elsewhere.list_sessions()) == 1


async def test_a_run_keeps_the_conversation(memory: Memory) -> None:
    """The runner gives the model what was said in earlier runs; recall gives none of it."""
    model = ScriptedModel(["Noted.", "Green tea."])
    agent = Agent(name="Assistant", model=model)
    conversation = AnabranchSession("ada", memory)

    await Runner.run(agent, "I drink green tea", session=conversation, run_config=OFFLINE)
    last = await Runner.run(agent, "What do I drink?", session=conversation, run_config=OFFLINE)

    session = await conversation.session()
    view = await session.show()
    assert last.final_output == "Green tea."
    assert [item.get("role") for item in model.inputs[-1]] == ["user", "assistant", "user"]
    assert len(await conversation.get_items()) == 4
    assert (view.role, view.task) == (ROLE, "ada")
    assert (await memory.recall("green tea")).hits == []


@pytest.fixture
def _loop_of_run_sync() -> Iterator[None]:
    """Give `run_sync` a loop: one of its own it leaves open (openai-agents 0.24)."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("_loop_of_run_sync")
def test_a_synchronous_run_takes_a_synchronous_memory(plain_memory: sync.Memory) -> None:
    """`run_sync` has a loop of its own, and the memory another."""
    agent = Agent(name="Assistant", model=ScriptedModel(["Noted.", "Green tea."]))
    conversation = AnabranchSession("ada", plain_memory)

    Runner.run_sync(agent, "I drink green tea", session=conversation, run_config=OFFLINE)
    last = Runner.run_sync(agent, "What do I drink?", session=conversation, run_config=OFFLINE)

    (kept,) = plain_memory.list_sessions()
    assert last.final_output == "Green tea."
    assert plain_memory.show_session(kept.session_id).working_memory is not None


async def test_a_conversation_that_a_guardrail_stopped_goes_on_without_the_message(
    memory: Memory,
) -> None:
    """The SDK (0.24.0) keeps the message and shows it to the guardrail again: it is popped.

    See findings/openai_agents_session_keeps_what_a_guardrail_stopped.sh.
    """

    def guard(*of_the_run: object) -> GuardrailFunctionOutput:
        given = of_the_run[-1]
        return GuardrailFunctionOutput(None, tripwire_triggered="secret" in str(given))

    conversation = AnabranchSession("ada", memory)
    guardrails = [InputGuardrail(guard, run_in_parallel=False)]
    agent = Agent(name="Keeper", model=ScriptedModel(["Hello."]), input_guardrails=guardrails)

    with pytest.raises(InputGuardrailTripwireTriggered):
        await Runner.run(agent, "A secret", session=conversation, run_config=OFFLINE)
    with pytest.raises(InputGuardrailTripwireTriggered):
        await Runner.run(agent, "Hello", session=conversation, run_config=OFFLINE)
    popped = [await conversation.pop_item() for _ in range(2)]
    answer = await Runner.run(agent, "Hello", session=conversation, run_config=OFFLINE)

    assert popped == [message("Hello"), message("A secret")]
    assert answer.final_output == "Hello."
    assert len(await conversation.get_items()) == 2
