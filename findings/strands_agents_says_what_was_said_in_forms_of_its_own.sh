#!/usr/bin/env bash
# strands-agents 1.62.0 (opentelemetry-sdk 1.45.1): its spans say what was said in events, as lists of another API's
# blocks, while the answer of an agent is plain text with a line break more than its model said.
#
# Strands makes spans by itself, by OpenTelemetry's names for generative AI: `invoke_agent`, `chat`, `execute_tool`. One
# would guess that messages stand where those conventions have them, in one form, and that the answer of an agent is
# what its model said last. In fact, for a model that says "All is well.":
#
# 1. No span has `gen_ai.input.messages`, `gen_ai.output.messages` or `gen_ai.tool.call.arguments`. Each message is an
#    event; its text is JSON of the blocks of Amazon's Converse, [{"text": ...}, {"toolUse": ...}], which have no type.
# 2. The same event, `gen_ai.choice`, has a list of blocks in a model's span and a tool's, and in an agent's a text,
#    "All is well.\n". So one answer stands there twice, and the two are not equal.
# 3. With OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental messages have the newer form, but stay in events; the
#    tool's arguments and result are attributes, and the result is still blocks. The answers still differ.
# 4. An agent with a session manager has a session's id, and no span names it. Two operations are of no convention:
#    `execute_event_loop_cycle` around each step, and `invoke_graph` around the agents of a graph.
#
# So who reads conversations from these spans has to know both forms, and compares answers without blanks at their ends.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "strands-agents==1.62.0" "opentelemetry-sdk==1.45.1" \
  "opentelemetry-instrumentation-threading==0.66b1"
cd "$work"
cat >trial.py <<'PY'
import json

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

from strands import Agent, tool
from strands.models import Model
from strands.multiagent import GraphBuilder
from strands.session import FileSessionManager


class Scripted(Model):
    """A model that calls a tool if it has one, and then answers."""

    def update_config(self, **config):
        pass

    def get_config(self):
        return {"model_id": "m"}

    async def structured_output(self, *given, **options):
        raise NotImplementedError
        yield {}

    async def stream(self, messages, tool_specs=None, system_prompt=None, **options):
        calls = bool(tool_specs) and len(messages) == 1
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        yield {"contentBlockDelta": {"delta": {"text": "I will look." if calls else "All is well."}}}
        yield {"contentBlockStop": {}}
        if calls:
            yield {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c1", "name": "look"}}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": '{"place": "lens"}'}}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if calls else "end_turn"}}


@tool
def look(place: str) -> str:
    """Look at a place."""
    return "dry"


keeper = {"name": "keeper", "callback_handler": None, "session_manager": FileSessionManager("watch-1", storage_dir=".")}
Agent(model=Scripted(), tools=[look], **keeper)("Is all well?")
spans = exporter.get_finished_spans()
for name in ("execute_tool look", "chat", "invoke_agent keeper"):
    span = [span for span in spans if span.name == name][-1]
    for name in ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"):
        if name in span.attributes:
            print(f"{span.name}: {name} = {span.attributes[name]}")
    for event in span.events:
        if event.name in ("gen_ai.tool.message", "gen_ai.choice") and "toolResult" not in str(event.attributes):
            said = event.attributes.get("content") or event.attributes["message"]
            print(f"{span.name}: event {event.name} = {said!r}")
        for message in json.loads(event.attributes.get("gen_ai.output.messages", "[]")):
            print(f"{span.name}: event, gen_ai.output.messages = {message['parts']}")
held = {name for span in spans for name in span.attributes}
print("messages in attributes:", sorted(held & {"gen_ai.input.messages", "gen_ai.output.messages"}), end=" - ")
print("the session is a value:", any("watch-1" in span.attributes.values() for span in spans))
exporter.clear()
graph = GraphBuilder()
graph.add_node(Agent(model=Scripted(), name="alfa", callback_handler=None), "alfa")
graph.build()("Is all well?")
spans += exporter.get_finished_spans()
print("operations:", sorted({span.attributes["gen_ai.operation.name"] for span in spans}))
PY
cat >expected.txt <<'TXT'
execute_tool look: event gen_ai.tool.message = '{"place": "lens"}'
execute_tool look: event gen_ai.choice = '[{"text": "dry"}]'
chat: event gen_ai.choice = '[{"text": "All is well."}]'
invoke_agent keeper: event gen_ai.choice = 'All is well.\n'
messages in attributes: [] - the session is a value: False
operations: ['chat', 'execute_event_loop_cycle', 'execute_tool', 'invoke_agent', 'invoke_graph']
asked for the newer form:
execute_tool look: gen_ai.tool.call.arguments = {"place": "lens"}
execute_tool look: gen_ai.tool.call.result = [{"text": "dry"}]
execute_tool look: event, gen_ai.output.messages = [{'type': 'tool_call_response', 'id': 'c1', 'response': [{'text': 'dry'}]}]
chat: event, gen_ai.output.messages = [{'type': 'text', 'content': 'All is well.'}]
invoke_agent keeper: event, gen_ai.output.messages = [{'type': 'text', 'content': 'All is well.\n'}]
messages in attributes: [] - the session is a value: False
operations: ['chat', 'execute_event_loop_cycle', 'execute_tool', 'invoke_agent', 'invoke_graph']
TXT
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
echo "asked for the newer form:" >>seen.txt
export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
rm -r session_watch-1
"$work/venv/bin/python" -W ignore trial.py >>seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
