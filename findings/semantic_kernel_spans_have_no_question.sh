#!/usr/bin/env bash
# semantic-kernel 1.45.0 (opentelemetry-sdk 1.45.2): with its sensitive diagnostics on, the span of an agent has what it
# answered, and an empty list for what it was asked.
#
# Semantic Kernel makes spans by OpenTelemetry's names for generative AI. With
# SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE it tells content, too: one would guess that the
# messages in and out stand in the spans. In fact, for an agent that is asked "Is all well?":
#
# 1. The agent's span has `gen_ai.output.messages` with the answer, and `gen_ai.input.messages` is "[]". It is so with
#    a text and with a message, and in the second turn of a thread, which has a history.
# 2. The span of its model has no messages, neither in attributes nor in events.
# 3. The question is in the program's logs: records of Python's `logging`, whose extra fields are named as events are.
#    Only a program that exports its logs sends it.
# 4. No span names the thread.
#
# So from spans alone nobody learns what was asked. What an agent was asked by another one stands in the arguments of
# the tool that it is there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "semantic-kernel==1.45.0" "opentelemetry-sdk==1.45.2"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import logging

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.contents import ChatMessageContent

client = AsyncOpenAI(api_key="k", base_url="http://127.0.0.1:1")
MESSAGE = {"role": "assistant", "content": "All is well."}
ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
ANSWER |= {"choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}]}


async def create(**given):
    return ChatCompletion.model_validate(ANSWER)


client.chat.completions.create = create
logged = []


class Kept(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())


logging.getLogger("semantic_kernel").addHandler(Kept())
logging.getLogger("semantic_kernel").setLevel(logging.INFO)


async def main():
    keeper = ChatCompletionAgent(service=OpenAIChatCompletion(ai_model_id="m", async_client=client), name="keeper")
    first = await keeper.get_response(messages="Is all well?")
    again = ChatMessageContent(role="user", content="Is all well?")
    await keeper.get_response(messages=again, thread=first.thread)
    return first.thread.id


thread = asyncio.run(main())
spans = exporter.get_finished_spans()
for span in sorted(spans, key=lambda span: span.start_time):
    messages = {name: span.attributes.get(f"gen_ai.{name}.messages") for name in ("input", "output")}
    if span.name.startswith(("invoke_agent", "chat")):
        print(f"{span.name}: {messages}, {len(span.events)} events")
values = [str(value) for span in spans for value in span.attributes.values()]
print("the question is in a span:", any("Is all well?" in value for value in values))
print("the question is in a log:", any("Is all well?" in text for text in logged))
print("the thread is in a span:", thread in values)
PY
cat >expected.txt <<'TXT'
invoke_agent keeper: {'input': '[]', 'output': '[{"role": "assistant", "content": "All is well.", "name": "keeper"}]'}, 0 events
chat m: {'input': None, 'output': None}, 0 events
invoke_agent keeper: {'input': '[]', 'output': '[{"role": "assistant", "content": "All is well.", "name": "keeper"}]'}, 0 events
chat m: {'input': None, 'output': None}, 0 events
the question is in a span: False
the question is in a log: True
the thread is in a span: False
TXT
export SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
