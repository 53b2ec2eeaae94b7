#!/usr/bin/env bash
# opentelemetry-instrumentation-langchain 0.62.4 (Traceloop), langchain 1.5.2, langgraph 1.2.24: one run of an agent has
# two spans `invoke_agent`. One names the thread, the other holds all that happened, or stands beside it.
#
# By OpenTelemetry's names for generative AI an agent's run is a span `invoke_agent`, and what it did hangs below it. One
# would guess one such span a run, with its conversation, and that of an agent which a tool runs below the tool, with the
# calls of its model. In fact, for a `create_agent` "keeper" whose tool runs another one, "bravo":
#
# 1. keeper is two spans `invoke_agent`, one in the other. Only the outer one has `gen_ai.conversation.id`, the thread.
#    What is below the inner one is the run. Neither has messages; those stand in the spans of the models alone.
# 2. bravo is one span `invoke_agent`, and it is empty: its steps and its model hang on a second span beside it, which is
#    of the operation `execute_task`, and has only its name in common. So what bravo said is below keeper, not below it.
# 3. Who takes an agent within an agent for a sub-agent finds that keeper asked keeper, and that keeper answered what
#    bravo did.
#
# So whoever reads agents from these spans takes two agents of one name, one right below the other, for one, and looks
# for the task of an agent's name beside an agent's span that is empty.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "opentelemetry-instrumentation-langchain==0.62.4" \
  "opentelemetry-instrumentation==0.66b2" "opentelemetry-sdk==1.45.2" "opentelemetry-semantic-conventions-ai==0.5.1" \
  "langchain==1.5.2" "langchain-core==1.8.3" "langgraph==1.2.24" "langgraph-prebuilt==1.1.3" "langgraph-checkpoint==4.3.2"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import os

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

os.environ["TRACELOOP_TRACE_CONTENT"] = "true"
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
from opentelemetry.instrumentation.langchain import LangchainInstrumentor

LangchainInstrumentor().instrument(tracer_provider=provider)
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver


class Scripted(BaseChatModel):
    """A model that calls its tool, if it has one, and then answers."""

    answer: str
    tool: str | None = None

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **options):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **options):
        said = AIMessage(self.answer)
        if self.tool and isinstance(messages[-1], HumanMessage):
            call = {"name": self.tool, "args": {"question": "Are the stairs dry?"}, "id": "c1"}
            said = AIMessage("I will ask.", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=said)])


bravo = create_agent(Scripted(answer="The stairs are dry."), name="bravo")


async def ask_bravo(question: str) -> str:
    """Ask bravo."""
    found = await bravo.ainvoke({"messages": [("user", question)]})
    return found["messages"][-1].content


model = Scripted(answer="All is well.", tool="ask_bravo")
keeper = create_agent(model, tools=[ask_bravo], name="keeper", checkpointer=InMemorySaver())
exporter.clear()
asyncio.run(keeper.ainvoke({"messages": [("user", "Is all well?")]}, {"configurable": {"thread_id": "watch-1"}}))
spans = sorted(exporter.get_finished_spans(), key=lambda one: one.start_time)


def shown(above, depth):
    """Print the spans below one, with what each of them tells."""
    for span in spans:
        if (span.parent.span_id if span.parent else None) == above:
            held = [name for name in ("conversation.id", "input.messages") if f"gen_ai.{name}" in span.attributes]
            print("  " * depth + span.attributes["gen_ai.operation.name"], span.name, *held, sep=" | ")
            shown(span.context.span_id, depth + 1)


shown(None, 0)
PY
cat >expected.txt <<'TXT'
invoke_agent | invoke_agent keeper | conversation.id
  invoke_agent | keeper.workflow
    execute_task | execute_task model
      chat | Scripted.chat | input.messages
    execute_task | execute_task tools
      execute_tool | execute_tool ask_bravo
        invoke_agent | invoke_agent bravo
        execute_task | execute_task bravo
          execute_task | execute_task model
            chat | Scripted.chat | input.messages
    execute_task | execute_task model
      chat | Scripted.chat | input.messages
TXT
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
