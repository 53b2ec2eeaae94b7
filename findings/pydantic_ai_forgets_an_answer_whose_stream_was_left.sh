#!/usr/bin/env bash
# pydantic-ai 2.66.0: of an answer that was streamed and not read to its end, the messages keep nothing, the whole, a half
# that says so, or a half that the run then takes for its answer: it depends on how it was left.
#
# `all_messages_json()` is what a program saves and goes on from. One would guess that it holds what was said, and that a
# reader who stops, at whatever place and by whatever means, leaves the same. In fact, of "The buoy is at the pier, but it
# is not safe.", left behind "pier":
#
# 1. `break` within `run_stream`: the question stands alone, also behind the last word of the answer. The next run sends
#    two questions in a row. An error of the program's own is the same. The tokens are counted.
# 2. `await result.cancel()`, and a task that is cancelled: the half is kept, with `"state": "interrupted"`, and is part
#    of the next run's history.
# 3. `break` within `node.stream()` of `agent.iter`, and the loop goes on: the half is the run's output, a success. Only
#    the message has `"state": "incomplete"`.
# 4. An `event_stream_handler` that stops reading changes nothing: the answer is whole.
#
# So who keeps these messages as memory asks for the state of each: a half may say the opposite of the whole.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "pydantic-ai-slim==2.66.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json

from pydantic_ai import Agent, capture_run_messages
from pydantic_ai.messages import ModelMessagesTypeAdapter
from pydantic_ai.models.function import FunctionModel

WORDS = ["The buoy ", "is at ", "the pier, ", "but it is ", "not ", "safe."]
sent = []


async def answer(messages, _):
    sent.append([part.content for message in messages for part in message.parts])
    for word in WORDS:
        yield word


agent = Agent(FunctionModel(stream_function=answer))


def show(how, messages):
    said = json.loads(messages)
    answers = [(one["state"], one["parts"][0]["content"]) for one in said if one["kind"] == "response"]
    print(f"{how}: {answers}", flush=True)


async def left(how, stop, last="pier"):
    try:
        async with agent.run_stream("Where is the buoy?") as result:
            async for text in result.stream_text(debounce_by=None):
                if last in text:
                    await stop(result)
                    break
    except KeyError:
        pass
    show(how, result.all_messages_json())
    print(f"  tokens: {result.usage.output_tokens > 0}; asked next: ", end="")
    async with agent.run_stream("Is it safe?", message_history=result.all_messages()) as following:
        await following.get_output()
    print(sent[-1])


async def nothing(_):
    pass


async def fails(_):
    raise KeyError


async def cancelled():
    arrived = asyncio.Event()

    async def read():
        async with agent.run_stream("Where is the buoy?") as result:
            async for text in result.stream_text(debounce_by=None):
                if "pier" in text:
                    arrived.set()
                    await asyncio.Event().wait()

    with capture_run_messages() as messages:
        task = asyncio.create_task(read())
        await arrived.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    show("a task that is cancelled", ModelMessagesTypeAdapter.dump_json(messages))


async def by_nodes():
    async with agent.iter("Where is the buoy?") as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as stream:
                    async for text in stream.stream_text(debounce_by=None):
                        if "pier" in text:
                            break
    show("break within node.stream", run.all_messages_json())
    print(f"  output: {run.result.output!r}")


async def handled():
    async def look(_, events):
        async for _ in events:
            break

    result = await agent.run("Where is the buoy?", event_stream_handler=look)
    show("a handler that stops reading", result.all_messages_json())


async def main():
    await left("read to its end", nothing, last="nowhere")
    await left("break", nothing)
    await left("break behind the last word", nothing, last="safe.")
    await left("an error of the program", fails)
    await left("cancel()", lambda result: result.cancel())
    await cancelled()
    await by_nodes()
    await handled()


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
read to its end: [('complete', 'The buoy is at the pier, but it is not safe.')]
  tokens: True; asked next: ['Where is the buoy?', 'The buoy is at the pier, but it is not safe.', 'Is it safe?']
break: []
  tokens: True; asked next: ['Where is the buoy?', 'Is it safe?']
break behind the last word: []
  tokens: True; asked next: ['Where is the buoy?', 'Is it safe?']
an error of the program: []
  tokens: True; asked next: ['Where is the buoy?', 'Is it safe?']
cancel(): [('interrupted', 'The buoy is at the pier, ')]
  tokens: True; asked next: ['Where is the buoy?', 'The buoy is at the pier, ', 'Is it safe?']
a task that is cancelled: [('interrupted', 'The buoy is at the pier, ')]
break within node.stream: [('incomplete', 'The buoy is at the pier, ')]
  output: 'The buoy is at the pier, '
a handler that stops reading: [('complete', 'The buoy is at the pier, but it is not safe.')]
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
