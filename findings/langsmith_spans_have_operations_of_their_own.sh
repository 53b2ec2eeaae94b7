#!/usr/bin/env bash
# langsmith 0.15.1 (langgraph 1.2.24, langchain-core 1.8.3): its OpenTelemetry spans have the attributes' names of the
# conventions and few of their values. An agent is a `chain`, as is each of its steps, and each span has variables of the
# process's environment.
#
# LANGSMITH_OTEL_ENABLED makes spans of what LangSmith's tracer sees, by `gen_ai.` names. One would guess that an agent is
# `invoke_agent`, that its thread is `gen_ai.conversation.id`, and that messages are where the conventions have them, or
# had them. In fact, for an agent "keeper" with a tool that runs another one, "bravo":
#
# 1. `gen_ai.operation.name` is `chain` for both agents, each node and each step in between, and `chat` and `execute_tool`
#    for the others. No span has `gen_ai.agent.name`.
# 2. The thread is `langsmith.metadata.thread_id`. bravo has its caller's.
# 3. `gen_ai.prompt` and `gen_ai.completion` are JSON of LangChain's objects in four forms: pairs, dictionaries, a list of
#    lists of constructors with `kwargs`, and `generations`. There are no `gen_ai.input.messages`.
# 4. A tool has its arguments as `gen_ai.prompt`, and its result, a whole message, as `gen_ai.completion`.
# 5. Variables of the environment that begin with LANGSMITH_ are attributes of each span, but for the API key.
#
# So a reader of OpenTelemetry's conventions sees calls of tools without arguments, models that say nothing, and no agent.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "langsmith==0.15.1" "langgraph==1.2.24" \
  "langgraph-prebuilt==1.1.3" "langchain-core==1.8.3" "opentelemetry-sdk==1.45.2" \
  "opentelemetry-exporter-otlp-proto-http==1.45.2"
cd "$work"
cat >trial.py <<'PY'
import json
import time
import warnings
from collections import Counter

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.prebuilt import create_react_agent
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

warnings.simplefilter("ignore")
collected = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(collected))
trace.set_tracer_provider(provider)


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **_):
        return self


def scripted(*answers):
    return Scripted(messages=iter(answers))


bravo = create_react_agent(scripted(AIMessage("They are dry.")), [], name="bravo")


@tool
def ask(question: str) -> str:
    """Ask bravo."""
    return bravo.invoke({"messages": [("user", question)]})["messages"][-1].content


call = {"name": "ask", "args": {"question": "Are the stairs dry?"}, "id": "c1"}
model = scripted(AIMessage("I will ask.", tool_calls=[call]), AIMessage("All is well."))
keeper = create_react_agent(model, [ask], name="keeper")
keeper.invoke({"messages": [("user", "Is all well?")]}, {"configurable": {"thread_id": "night"}})
for _ in range(600):
    if any(span.name == "keeper" for span in collected.get_finished_spans()):
        break
    time.sleep(0.1)
spans = sorted(collected.get_finished_spans(), key=lambda span: span.start_time)
own = [dict(span.attributes) for span in spans]
print("operations:", dict(sorted(Counter(one["gen_ai.operation.name"] for one in own).items())))
for key in ("gen_ai.agent.name", "gen_ai.conversation.id", "gen_ai.input.messages", "gen_ai.tool.call.arguments"):
    print(f"with {key}:", sum(key in one for one in own))
print("threads:", {one.get("langsmith.metadata.thread_id") for one in own})
variables = [{key.rpartition(".")[2] for key in one if ".LANGSMITH_" in key} for one in own]
print("variables in each span:", sorted(set.intersection(*variables)))
for span in spans:
    attributes = span.attributes
    if attributes["gen_ai.operation.name"] != "chain" or span.name in ("keeper", "bravo"):
        print(f"{attributes['gen_ai.operation.name']} {span.name}:")
        for key in ("gen_ai.prompt", "gen_ai.completion"):
            found = json.loads(attributes[key])
            [first] = [found[name] for name in ("messages", "generations", "output", "question") if name in found]
            while isinstance(first, list) and isinstance(first[0], list) and isinstance(first[0][0], dict):
                first = first[0]
            first = first[0] if isinstance(first, list) else first
            print(f"  {key} of {list(found)[0]}: {list(first)[:3] if isinstance(first, dict) else first}")
PY
cat >expected.txt <<'TXT'
operations: {'chain': 17, 'chat': 3, 'execute_tool': 1}
with gen_ai.agent.name: 0
with gen_ai.conversation.id: 0
with gen_ai.input.messages: 0
with gen_ai.tool.call.arguments: 0
threads: {'night'}
variables in each span: ['LANGSMITH_ENDPOINT', 'LANGSMITH_OTEL_ENABLED', 'LANGSMITH_OTEL_ONLY', 'LANGSMITH_TRACING']
chain keeper:
  gen_ai.prompt of messages: ['user', 'Is all well?']
  gen_ai.completion of messages: ['content', 'additional_kwargs', 'response_metadata']
chat Scripted:
  gen_ai.prompt of messages: ['lc', 'type', 'id']
  gen_ai.completion of generations: ['text', 'generation_info', 'type']
execute_tool ask:
  gen_ai.prompt of question: Are the stairs dry?
  gen_ai.completion of output: ['content', 'additional_kwargs', 'response_metadata']
chain bravo:
  gen_ai.prompt of messages: ['user', 'Are the stairs dry?']
  gen_ai.completion of messages: ['content', 'additional_kwargs', 'response_metadata']
chat Scripted:
  gen_ai.prompt of messages: ['lc', 'type', 'id']
  gen_ai.completion of generations: ['text', 'generation_info', 'type']
chat Scripted:
  gen_ai.prompt of messages: ['lc', 'type', 'id']
  gen_ai.completion of generations: ['text', 'generation_info', 'type']
TXT
export LANGSMITH_OTEL_ENABLED=true LANGSMITH_OTEL_ONLY=true LANGSMITH_TRACING=true LANGSMITH_API_KEY=none
export LANGSMITH_ENDPOINT=http://127.0.0.1:9
"$work/venv/bin/python" trial.py >seen.txt 2>errors.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
