#!/usr/bin/env bash
# opentelemetry-instrumentation-openai-agents 0.62.4 (Traceloop), openai-agents 0.24.0: the span of an agent that another
# one asked stands beside it, and with chat completions no span of a model has an answer.
#
# An agent may be a tool of another one (`as_tool`). One would guess that its span hangs below that of the tool, as spans
# do and as the SDK's own trace has it, and that messages are there or not whichever API of the vendor is behind. In fact:
#
# 1. All agents of a run hang on one span, "Agent Workflow", in the order in which they began: who asked whom is gone.
#    Only the times tell, and the text of the call: the tool began before the agent and ended after it, and has the
#    question among its arguments. After a hand-off the second agent stands there just so, and the span of the hand-off
#    is called "keeper → unknown.handoff".
# 2. So the last agent in the tree is not the one that answered: read in the order of the spans, the run ends with
#    "The stairs are dry.", which a helper said, and not with the answer, "All is well.".
# 3. With the chat completions API no span has `gen_ai.output.messages`. The answer of a run is in none of its spans.
# 4. The session is in no span either: each run is a trace of its own, and nothing ties them.
#
# So whoever reads runs from these spans puts an agent below the call that has its question and lasted longer.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai-agents==0.24.0" "openai==3.57.0" \
  "opentelemetry-instrumentation-openai-agents==0.62.4" "opentelemetry-instrumentation==0.66b2" \
  "opentelemetry-sdk==1.45.2" "opentelemetry-semantic-conventions-ai==0.5.1"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

os.environ["TRACELOOP_TRACE_CONTENT"] = "true"
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor

OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
from agents import Agent, Runner, SQLiteSession, set_default_openai_api, set_default_openai_client
from openai import AsyncOpenAI

ASKING = '{"input": "Are the stairs dry?"}'


class Model(BaseHTTPRequestHandler):
    """A model of both protocols: keeper has a tool, calls it, and then answers; bravo answers."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        given = request.get("messages") or request["input"]
        last = given[-1] if isinstance(given, list) else {}
        tool = (request.get("tools") or [{}])[0]
        name = tool.get("function", tool).get("name")
        call = {"name": name, "arguments": ASKING if name == "ask_bravo" else "{}"}
        calls = call if name and last.get("role") == "user" else None
        text = "All is well." if name else "The stairs are dry."
        body = json.dumps((self.chat if "messages" in request else self.response)(text, calls)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chat(self, text, calls):
        called = {"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": calls}]}
        message = {"role": "assistant", **(called if calls else {"content": text})}
        choice = {"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": message}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}

    def response(self, text, calls):
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}
        if calls:
            item = {"type": "function_call", "id": "f1", "call_id": "c1", "status": "completed", **calls}
        rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "status": "completed"}
        return {"id": "r1", "object": "response", "created_at": 0, "model": "m", "output": [item], **rest}


def shown(spans, above=None, depth=1):
    """Print the spans below one as a tree."""
    for span in spans:
        if (span.parent.span_id if span.parent else None) == above:
            messages = json.loads(span.attributes.get("gen_ai.output.messages", "[]"))
            said = [part.get("content", part["type"]) for one in messages for part in one["parts"]]
            print("  " * depth + span.name, *([f"says {said or 'nothing'}"] if ".response" in span.name else []))
            shown(spans, span.context.span_id, depth + 1)


async def run(said, keeper):
    """Ask an agent something; return its spans."""
    exporter.clear()
    result = await Runner.run(keeper, "Is all well?", session=SQLiteSession("watch-1"))
    print(f"{said}: {result.final_output}")
    spans = sorted(exporter.get_finished_spans(), key=lambda one: one.start_time)
    shown(spans)
    return spans


async def main(address):
    """Ask an agent that asks another one, and one that hands over to it."""
    set_default_openai_client(AsyncOpenAI(base_url=address, api_key="none"), use_for_tracing=False)
    bravo = Agent(name="bravo", model="m")
    for api in ("responses", "chat_completions"):
        set_default_openai_api(api)
        spans = await run(api, Agent(name="keeper", model="m", tools=[bravo.as_tool("ask_bravo", "Ask bravo.")]))
        by_name = {span.name: span for span in spans}
        tool, agent = by_name["ask_bravo.tool"], by_name["bravo.agent"]
        inside = tool.start_time < agent.start_time < agent.end_time < tool.end_time
        print("  the tool lasted longer than the agent in it:", inside)
        held = [value for span in spans for value in span.attributes.values()]
        print("  the answer is a value:", any("All is well." in str(value) for value in held), end=" - ")
        print("the session is one:", any("watch-1" in str(value) for value in held))
    set_default_openai_api("responses")
    await run("a hand-off", Agent(name="keeper", model="m", handoffs=[bravo]))


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
asyncio.run(main(f"http://127.0.0.1:{server.server_address[1]}/v1"))
server.shutdown()
PY
cat >expected.txt <<'TXT'
responses: All is well.
  Agent Workflow
    keeper.agent
      openai.response says ['tool_call']
      ask_bravo.tool
      openai.response says ['All is well.']
    bravo.agent
      openai.response says ['The stairs are dry.']
  the tool lasted longer than the agent in it: True
  the answer is a value: True - the session is one: False
chat_completions: All is well.
  Agent Workflow
    keeper.agent
      openai.response says nothing
      ask_bravo.tool
      openai.response says nothing
    bravo.agent
      openai.response says nothing
  the tool lasted longer than the agent in it: True
  the answer is a value: False - the session is one: False
a hand-off: The stairs are dry.
  Agent Workflow
    keeper.agent
      openai.response says ['tool_call']
      keeper → unknown.handoff
    bravo.agent
      openai.response says ['The stairs are dry.']
TXT
env -u OPENAI_API_KEY "$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
