#!/usr/bin/env bash
# opentelemetry-instrumentation-openai-agents-v2 0.1.0 (openai-agents 0.24.0, opentelemetry-sdk 1.45.2): a call of a
# tool, and the response of a stream, stand in a span as Python prints the object, in a part of the type "text".
#
# It is OpenTelemetry's own instrumentation, and its spans follow the conventions for generative AI: messages of parts,
# a part of type "tool_call" for a call. One would read what an agent said from the parts of type "text", and take the
# outermost `invoke_agent` for the agent that was run. In fact, for an agent that calls a tool and then answers:
#
# 1. What the model said first is the text "ResponseFunctionToolCall(arguments=..., name='look', ...)". There is no part
#    of type "tool_call".
# 2. Of a stream of chat completions the answer of the model and of the agent is one text that begins "{'id':
#    '__fake_id__', ": the whole response as Python prints it. It is no JSON. What was said is within it.
# 3. The outermost span of each run is an `invoke_agent` without a name, an input and an output. The agent is below it,
#    and so is each agent that another handed over to: side by side.
# 4. Between them are spans whose operation is "unknown". They and the models' bear the name of an agent that there is
#    not: "OpenAI Agent".
#
# So who reads conversations from these spans has to know these texts, and passes over the nameless agent.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai-agents==0.24.0" \
  "opentelemetry-instrumentation-openai-agents-v2==0.1.0" "opentelemetry-sdk==1.45.2"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_trace_processors
from openai import AsyncOpenAI

set_trace_processors([])
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
CALL = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "look", "arguments": '{"place": "lens"}'}
TEXT = {"type": "output_text", "text": "All is well.", "annotations": []}
SAID = {"type": "message", "id": "m1", "status": "completed", "role": "assistant", "content": [TEXT]}


class Stub(BaseHTTPRequestHandler):
    """A model that calls a tool by the one API, and streams its answer by the other."""

    def log_message(self, *given):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/responses"):
            called = any(one.get("type") == "function_call_output" for one in asked["input"])
            answer = {"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": "m"}
            answer |= {"output": [SAID if called else CALL], "tools": [], "tool_choice": "auto"}
            self.give("application/json", json.dumps({**answer, "parallel_tool_calls": True}))
            return
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        parts = [({"role": "assistant", "content": "All is well."}, None), ({}, "stop")]
        chunks = [{**chunk, "choices": [{"index": 0, "delta": d, "finish_reason": f}]} for d, f in parts]
        self.give("text/event-stream", "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n")

    def give(self, kind, text):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        self.wfile.write(text.encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = AsyncOpenAI(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}/v1")


@function_tool
def look(place: str) -> str:
    """Look at a place."""
    return "dry"


def shown(text):
    return text if len(text) < 40 else f"{text[:40]}... (has the answer: {'All is well.' in text})"


async def main():
    keeper = Agent(name="keeper", tools=[look], model=OpenAIResponsesModel("m", client))
    await Runner.run(keeper, "Is all well?")
    stream = Runner.run_streamed(Agent(name="second", model=OpenAIChatCompletionsModel("m", client)), "And now?")
    async for _ in stream.stream_events():
        pass


asyncio.run(main())
spans = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time)
names = {span.context.span_id: span.name for span in spans}
for span in spans:
    told = span.attributes
    print(f"{span.name} below {names.get(span.parent and span.parent.span_id)}:", end=" ")
    print(f"{told['gen_ai.operation.name']} by {told.get('gen_ai.agent.name')}")
    for message in json.loads(told.get("gen_ai.output.messages", "[]")):
        for part in message["parts"]:
            print(f"    {part['type']}: {shown(part['content'])}")
server.shutdown()
PY
cat >expected.txt <<'TXT'
Agent workflow below None: invoke_agent by None
unknown below Agent workflow: unknown by OpenAI Agent
invoke_agent keeper below unknown: invoke_agent by keeper
    text: All is well.
unknown below invoke_agent keeper: unknown by OpenAI Agent
chat m below unknown: chat by OpenAI Agent
    text: ResponseFunctionToolCall(arguments='{"pl... (has the answer: False)
execute_tool look below unknown: execute_tool by OpenAI Agent
unknown below invoke_agent keeper: unknown by OpenAI Agent
chat m below unknown: chat by OpenAI Agent
    text: All is well.
Agent workflow below None: invoke_agent by None
unknown below Agent workflow: unknown by OpenAI Agent
invoke_agent second below unknown: invoke_agent by second
    text: {'id': '__fake_id__', 'access_programs':... (has the answer: True)
unknown below invoke_agent second: unknown by OpenAI Agent
chat m below unknown: chat by OpenAI Agent
    text: {'id': '__fake_id__', 'access_programs':... (has the answer: True)
TXT
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
