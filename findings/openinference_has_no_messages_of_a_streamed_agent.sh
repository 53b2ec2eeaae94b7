#!/usr/bin/env bash
# openinference-instrumentation-openai-agents 2.6.0 (openai-agents 0.24.0): what an agent says in a stream of chat
# completions is in no `llm.output_messages`, though it is there without a stream, and in a stream of responses.
#
# OpenInference's span of a model has its answer as numbered messages; `output.value` is the raw form beside them. One
# would guess that Runner.run_streamed is traced as Runner.run is. In fact:
#
# 1. With the chat completions model and a stream, the SDK gives the tracer a response of the other API, which it puts
#    together itself (its id is "__fake_id__"). The instrumentation reads it as a chat message, finds neither role nor
#    content, and writes no message: the span is OK, and says nothing.
# 2. The text stands in `output.value` alone, as a list of that response.
# 3. The next turn's `llm.input_messages` hold the answer; of the last answer of a run there is nothing more.
#
# So who keeps conversations from these spans reads `output.value` where a model's span has no messages of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai-agents==0.24.0" "openai==3.57.0" \
  "openinference-instrumentation-openai-agents==2.6.0" "openinference-semantic-conventions==0.1.42" \
  "opentelemetry-sdk==1.45.2"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = "Three boats passed."
PART = {"type": "output_text", "text": TEXT, "annotations": []}
ITEM = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [PART]}
RESPONSE = {"id": "r", "object": "response", "created_at": 0, "model": "stub", "output": [ITEM], "tools": []}
RESPONSE |= {"parallel_tool_calls": True, "tool_choice": "auto", "status": "completed"}
CHAT = {"id": "c", "created": 0, "model": "stub"}


class Stub(BaseHTTPRequestHandler):
    """A model that gives one answer, in either protocol, at once or streamed."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = {"role": "assistant", "content": TEXT}
        if self.path.endswith("/responses"):
            whole = RESPONSE
            parts = [{"type": "response.completed", "response": RESPONSE, "sequence_number": 0}]
        else:
            choice = {"index": 0, "finish_reason": "stop"}
            whole = CHAT | {"object": "chat.completion", "choices": [choice | {"message": said}]}
            parts = [CHAT | {"object": "chat.completion.chunk", "choices": [choice | {"delta": said}]}]
        lines = [f"data: {json.dumps(part)}\n\n" for part in parts] + ["data: [DONE]\n\n"]
        body = ("".join(lines) if asked.get("stream") else json.dumps(whole)).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if asked.get("stream") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
client = AsyncOpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")


async def main():
    for kind in (OpenAIChatCompletionsModel, OpenAIResponsesModel):
        agent = Agent("keeper", model=kind("stub", client))
        for streamed in (False, True):
            exporter.clear()
            if streamed:
                run = Runner.run_streamed(agent, "And the boats?")
                async for _ in run.stream_events():
                    pass
            else:
                run = await Runner.run(agent, "And the boats?")
            assert run.final_output == TEXT
            for span in exporter.get_finished_spans():
                if span.attributes["openinference.span.kind"] == "LLM":
                    held = {name.partition(".0.")[0] for name, value in span.attributes.items() if TEXT in str(value)}
                    how = "streamed:" if streamed else "at once:"
                    print(span.name, how, span.status.status_code.name, *sorted(held))


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
generation at once: OK llm.output_messages output.value
generation streamed: OK output.value
response at once: OK llm.output_messages output.value
response streamed: OK llm.output_messages output.value
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
