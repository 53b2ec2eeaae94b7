#!/usr/bin/env bash
# agent-framework-core 1.23.0, agent-framework-openai 1.17.0 (Microsoft): in the spans of one session each turn has another
# `gen_ai.conversation.id`. It is the id of the last answer of the turn before.
#
# By OpenTelemetry's conventions `gen_ai.conversation.id` is the session or thread by which messages belong together. One
# would guess that all turns of an AgentSession have the same, its own session_id or one that the service gave. In fact,
# with the client of OpenAI's responses, whose service keeps the history:
#
# 1. The first turn of a session has none, or, where a tool was called, from the second call of its model on the id of the
#    first answer. Each later turn has the id of the newest answer before it: what the service is sent as
#    `previous_response_id`.
# 2. The model's own spans of a later turn have none, though the agent's above them has.
# 3. The session's own id is in no span.
#
# So who groups spans by conversation has a conversation for each turn. The ids of the answers tie them: a conversation that
# is the `gen_ai.response.id` of an earlier span goes on from there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "agent-framework-core==1.23.0" \
  "agent-framework-openai==1.17.0" "openai==3.57.0" "opentelemetry-sdk==1.45.2"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent_framework import Agent
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
enable_instrumentation()
asked = []


class Model(BaseHTTPRequestHandler):
    """A model whose first answer is a call of a tool."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        number = len(asked)
        part = {"type": "output_text", "text": "All is well.", "annotations": []}
        item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}
        if number == 1:
            call = {"call_id": "c1", "name": "look", "arguments": '{"place": "lens"}'}
            item = {"type": "function_call", "id": "f1", "status": "completed", **call}
        rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "status": "completed", "output": [item]}
        body = json.dumps({"id": f"resp_{number}", "object": "response", "created_at": 0, "model": "m", **rest}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def look(place: str) -> str:
    """Look at a place."""
    return "dry"


async def main(address):
    """Ask an agent three things in one session."""
    keeper = Agent(OpenAIChatClient(model="m", base_url=address, api_key="none"), name="keeper", tools=[look])
    session = keeper.create_session()
    for question in ("Is all well?", "And the boats?", "And the fog?"):
        await keeper.run(question, session=session)
        for span in sorted(exporter.get_finished_spans(), key=lambda one: one.start_time):
            named, answer = (span.attributes.get(f"gen_ai.{name}.id") for name in ("conversation", "response"))
            print(f"{question} {span.name}: conversation {named}, answer {answer}")
        held = str([dict(one.attributes) for one in exporter.get_finished_spans()])
        print("  the session is a value:", session.session_id in held)
        exporter.clear()
    print("the service was told of:", [one.get("previous_response_id") for one in asked])


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
asyncio.run(main(f"http://127.0.0.1:{server.server_address[1]}/v1"))
server.shutdown()
PY
cat >expected.txt <<'TXT'
Is all well? invoke_agent keeper: conversation None, answer None
Is all well? chat m: conversation None, answer resp_1
Is all well? execute_tool look: conversation None, answer None
Is all well? chat m: conversation resp_1, answer resp_2
  the session is a value: False
And the boats? invoke_agent keeper: conversation resp_2, answer None
And the boats? chat m: conversation None, answer resp_3
  the session is a value: False
And the fog? invoke_agent keeper: conversation resp_3, answer None
And the fog? chat m: conversation None, answer resp_4
  the session is a value: False
the service was told of: [None, 'resp_1', 'resp_2', 'resp_3']
TXT
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
