#!/usr/bin/env bash
# openinference-instrumentation-langchain 0.1.80 (langgraph 1.2.24, langchain-core 1.8.3): a span is of kind AGENT where
# its name has "agent" in it, and its `llm.input_messages` hold the oldest message of the history, not the newest.
#
# OpenInference has a kind for each sort of span, and AGENT reads as the one to ask for. One would guess that a graph of
# LangGraph with a model in it is of that kind, its nodes of kind CHAIN, its tools of kind TOOL. In fact:
#
# 1. The name decides. A graph named "keeper" is a CHAIN; the same graph named "keeper_agent" is an AGENT.
# 2. It decides before what was run: a tool named "agent_notes" is an AGENT, and so is a function named "find_reagent"
#    that asks no model.
# 3. A node of that name is an AGENT too, within its graph, which is a CHAIN if nobody named it.
# 4. A chain that is given a history has the attributes `llm.input_messages.0.*` and no others: they are the first
#    message of it. Its newest question stands in `input.value` alone, and in the span of the model below.
# 5. A tool's `input.value` is JSON with the names of its arguments where it was given two, and where it was given one
#    the bare value: "horn --test", and no word of which argument that was. The model's span has the name.
#
# So who reads agents from these spans asks what a span holds and where it stands (`tool.name`, a model below it, the
# node and the space that its `metadata` name), and takes no chain's first message for what was asked.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openinference-instrumentation-langchain==0.1.80" \
  "openinference-semantic-conventions==0.1.42" "langgraph==1.2.24" "langchain-core==1.8.3" "opentelemetry-sdk==1.45.2"
cd "$work"
cat >trial.py <<'PY'
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
LangChainInstrumentor().instrument(tracer_provider=provider)
KIND = "openinference.span.kind"
HISTORY = [("user", "Is all well?"), ("ai", "All is well."), ("user", "And the boats?")]


def graph(name, node):
    """Return a graph of one node that asks a model."""
    model = GenericFakeChatModel(messages=iter([AIMessage("Three boats passed.")]))
    made = StateGraph(MessagesState)
    made.add_node(node, lambda state: {"messages": [model.invoke(state["messages"])]})
    made.add_edge(START, node)
    return made.compile(name=name)


def spans(of, given):
    """Return the spans of a run by their names."""
    exporter.clear()
    of.invoke(given)
    return {span.name: span.attributes for span in exporter.get_finished_spans()}


@tool
def agent_notes(place: str) -> str:
    """Read the notes."""
    return "none"


@tool
def shell(command: str, times: int = 1) -> str:
    """Run a command."""
    return "done"


@tool
def look(place: str) -> str:
    """Look."""
    return "dry"


keeper = spans(graph("keeper", "answer"), {"messages": HISTORY})
named = spans(graph("keeper_agent", "answer"), {"messages": HISTORY})
plain = spans(graph(None, "agent"), {"messages": HISTORY})
model = "GenericFakeChatModel"
print("graph keeper:", keeper["keeper"][KIND], "- graph keeper_agent:", named["keeper_agent"][KIND])
print("tool look:", spans(look, {"place": "pier"})["look"][KIND], end=" - ")
print("tool agent_notes:", spans(agent_notes, {"place": "desk"})["agent_notes"][KIND], end=" - ")
print("function find_reagent:", spans(RunnableLambda(lambda x: x, name="find_reagent"), 1)["find_reagent"][KIND])
print("graph without a name:", plain["LangGraph"][KIND], "- its node agent:", plain["agent"][KIND])
texts = [name for name in keeper["keeper"] if name.startswith("llm.input_messages.") and name.endswith(".content")]
print("the chain's messages:", [keeper["keeper"][name] for name in texts])
print("its input has the newest:", "And the boats?" in keeper["keeper"]["input.value"], end=" - ")
print("the model's third:", keeper[model]["llm.input_messages.2.message.content"])
print("one argument:", spans(shell, {"command": "horn --test"})["shell"]["input.value"], end=" - ")
print("two:", spans(shell, {"command": "horn --test", "times": 2})["shell"]["input.value"])
PY
cat >expected.txt <<'TXT'
graph keeper: CHAIN - graph keeper_agent: AGENT
tool look: TOOL - tool agent_notes: AGENT - function find_reagent: AGENT
graph without a name: CHAIN - its node agent: AGENT
the chain's messages: ['Is all well?']
its input has the newest: True - the model's third: And the boats?
one argument: horn --test - two: {"command": "horn --test", "times": 2}
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
