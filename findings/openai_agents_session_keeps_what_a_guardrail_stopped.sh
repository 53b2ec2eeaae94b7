#!/usr/bin/env bash
# openai-agents 0.24.0: a conversation that an input guardrail stopped once is stopped for good.
#
# An input guardrail looks at what a user says and stops the run with InputGuardrailTripwireTriggered, before the model
# is asked. One would guess that a run which was stopped leaves its session as it was, and that a guardrail is asked
# about the new message. In fact, with SQLiteSession, and so with every session that keeps what it is given:
#
# 1. The stopped message is kept in the session. The next run gives the guardrail the whole history, so it finds the
#    same words again and stops a plain "hello" too, which is kept as well. `pop_item`, once for each, frees it.
# 2. Where the model fails, its question stays: two questions in a row. What an output guardrail stops is not kept, but
#    its question is.
# 3. Who stops reading a streamed run (`break`) does not stop the run: its tools are called, and the session gets an
#    answer that nobody read. `result.cancel()` ends it, and leaves the question alone.
#
# So who guards a conversation takes the message out by `pop_item` when a run was stopped.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai-agents==0.24.0" "openai==3.57.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio

from agents import (
    Agent,
    GuardrailFunctionOutput,
    Model,
    ModelResponse,
    Runner,
    SQLiteSession,
    Usage,
    function_tool,
    input_guardrail,
    output_guardrail,
    set_tracing_disabled,
)
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

set_tracing_disabled(True)
called, guarded = [], []


def said(text):
    part = ResponseOutputText(type="output_text", text=text, annotations=[])
    return [ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[part])]


CALL = [ResponseFunctionToolCall(id="f", type="function_call", call_id="c", name="ring", arguments="{}")]


class Scripted(Model):
    def __init__(self, *answers):
        self.answers = list(answers)

    async def get_response(self, system_instructions, input, *more, **named):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ModelResponse(output=answer, usage=Usage(), response_id=None)

    async def stream_response(self, system_instructions, input, *more, **named):
        answer = await self.get_response(system_instructions, input)
        whole = Response(
            id="r", created_at=0, model="m", object="response", output=answer.output,
            tool_choice="auto", tools=[], parallel_tool_calls=False,
        )
        yield ResponseCompletedEvent(type="response.completed", sequence_number=0, response=whole)


@function_tool
def ring() -> str:
    called.append("ring")
    return "rung"


@input_guardrail(run_in_parallel=False)
def no_secrets(context, agent, given):
    guarded.append(given if isinstance(given, str) else [one["content"] for one in given])
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="secret" in str(guarded[-1]))


@output_guardrail
def no_answers(context, agent, given):
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)


async def kept(session):
    found = []
    for item in await session.get_items():
        content = item.get("content")
        found.append(content if isinstance(content, str) else content[0]["text"] if content else item["type"])
    return found


async def asked(agent, text, session):
    try:
        return (await Runner.run(agent, text, session=session)).final_output
    except Exception as error:
        return type(error).__name__


async def main():
    session, model = SQLiteSession("guarded"), Scripted(said("Hello."))
    agent = Agent(name="a", model=model, input_guardrails=[no_secrets])
    print("guarded:", await asked(agent, "the secret is 7", session), await kept(session))
    print("next:", await asked(agent, "hello", session), await kept(session), "the guardrail was given", guarded[-1])
    await session.pop_item()
    await session.pop_item()
    print("taken out:", await asked(agent, "hello", session), await kept(session))
    session, model = SQLiteSession("failed"), Scripted(RuntimeError("busy"), said("Hello."))
    agent = Agent(name="a", model=model)
    print("failed:", await asked(agent, "one", session), await asked(agent, "two", session), await kept(session))
    session = SQLiteSession("answer")
    agent = Agent(name="a", model=Scripted(said("The secret is 7.")), output_guardrails=[no_answers])
    print("answer guarded:", await asked(agent, "what is it?", session), await kept(session))
    for how in ("left", "cancelled"):
        called.clear()
        session = SQLiteSession(how)
        agent = Agent(name="a", model=Scripted(CALL, said("Rung.")), tools=[ring])
        running = Runner.run_streamed(agent, "ring", session=session)
        async for event in running.stream_events():
            if event.type == "run_item_stream_event":
                if how == "left":
                    break
                running.cancel()
        while running_still := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(running_still)
        print(f"{how}:", await kept(session), "called" if called else "not called")


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
guarded: InputGuardrailTripwireTriggered ['the secret is 7']
next: InputGuardrailTripwireTriggered ['the secret is 7', 'hello'] the guardrail was given ['the secret is 7', 'hello']
taken out: Hello. ['hello', 'Hello.']
failed: RuntimeError Hello. ['one', 'two', 'Hello.']
answer guarded: OutputGuardrailTripwireTriggered ['what is it?']
left: ['ring', 'function_call', 'function_call_output', 'Rung.'] called
cancelled: ['ring'] not called
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat seen.txt said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
