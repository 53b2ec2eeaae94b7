#!/usr/bin/env bash
# openinference-instrumentation-llama-index 4.6.1 (llama-index-core 0.14.25, llama-index-llms-openai-like 0.8.1): an
# agent asks its model once, and there are three spans of kind LLM, of which one holds messages; none names the agent.
#
# One would guess a span of kind LLM for each request to a model, and one of kind AGENT that names the agent: the
# conventions of OpenInference have `agent.name`. In fact, for a FunctionAgent "keeper" that is asked one question:
#
# 1. The server hears one request. Three spans are of kind LLM: the request's preparation, the call, and the same call
#    again within it, of the same name.
# 2. Only the innermost has `llm.input_messages` and `llm.output_messages`. The outer one has the texts as the `repr` of
#    objects, in JSON. So who takes the topmost model of a trace finds nothing said, and who counts them counts thrice.
# 3. No span is of kind AGENT; the agent is a CHAIN "FunctionAgent.run", and "keeper" is in no attribute of its own.
# 4. What that chain answered is the `repr` of a StopEvent, not a text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openinference-instrumentation-llama-index==4.6.1" \
  "openinference-semantic-conventions==0.1.42" "llama-index-core==0.14.25" "llama-index-llms-openai==0.8.3" \
  "llama-index-llms-openai-like==0.8.1" "llama-index-workflows==2.26.1" "opentelemetry-sdk==1.45.2"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
LlamaIndexInstrumentor().instrument(tracer_provider=provider)
MESSAGE = {"role": "assistant", "content": "Three boats passed."}
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
requests = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        requests.append(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def look(place: str) -> str:
    """Look at a place."""
    return "dry"


async def main():
    """Ask an agent one question."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model = OpenAILike(
        model="m",
        api_base=f"http://127.0.0.1:{server.server_address[1]}/v1",
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
    )
    agent = FunctionAgent(name="keeper", description="Keeps a light", tools=[look], llm=model, streaming=False)
    print("answer:", await agent.run("And the boats?"))
    server.shutdown()


asyncio.run(main())
spans = exporter.get_finished_spans()
by_id = {span.context.span_id: span for span in spans}
models = [span for span in spans if span.attributes["openinference.span.kind"] == "LLM"]
print("requests:", len(requests))
for span in sorted(models, key=lambda one: one.start_time):
    above = by_id[span.parent.span_id].name.removeprefix("BaseWorkflowAgent.")
    held = any(name.startswith("llm.output_messages.") for name in span.attributes)
    print("LLM:", span.name, "in", above, "- messages:", held)
print("kinds:", sorted({span.attributes["openinference.span.kind"] for span in spans}), end=" - ")
print("agent.name:", any("agent.name" in span.attributes for span in spans), end=" - ")
print("keeper is a value:", any("keeper" in span.attributes.values() for span in spans))
[run] = [span for span in spans if span.name == "FunctionAgent.run"]
print("FunctionAgent.run answers:", run.attributes["output.value"][:28])
PY
cat >expected.txt <<'TXT'
answer: Three boats passed.
requests: 1
LLM: OpenAILike._prepare_chat_with_tools in run_agent_step - messages: False
LLM: OpenAILike.achat in run_agent_step - messages: False
LLM: OpenAILike.achat in OpenAILike.achat - messages: True
kinds: ['CHAIN', 'LLM'] - agent.name: False - keeper is a value: False
FunctionAgent.run answers: StopEvent(result=AgentOutput
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
