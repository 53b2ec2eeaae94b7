#!/usr/bin/env bash
# google-adk 2.13.0 (opentelemetry-sdk 1.44.0): each run of an agent is two spans, a workflow and an agent of one name.
# The agent that it hands over to stands in the workflow of the first, and is told in the user's name what the first one
# did.
#
# By OpenTelemetry's names for generative AI `invoke_workflow` is a run of several agents, and `invoke_agent` of one.
# One would guess that a plain agent is one span, that it has its messages, and that a message of the role "user" in
# them is what the user said. In fact:
#
# 1. A plain agent, no workflow anywhere, is `invoke_workflow keeper` and in it `invoke_agent keeper`. The one has
#    `gen_ai.workflow.name` alone, the other `gen_ai.agent.name` alone. Messages stand in the models' spans only.
# 2. An agent that is a tool of another one has both spans again, and a conversation of its own, so one trace has two.
# 3. One that was handed over to stands beside the first, in the workflow that bears the name of the first. The next
#    turn of the conversation is a workflow of the other name.
# 4. Among what the second one's model was given are two messages of "user" behind the question: a transcript of the
#    call and of the result of `transfer_to_agent`. The last message of "user" is none of the user's.
# 5. With a `static_instruction` the other instruction is a message of "user", too, in front of the question.
#
# So who takes an agent in an agent for a sub-agent finds that keeper asked keeper; and who takes the last message of
# "user" for the question has a piece of a transcript.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "google-adk==2.13.0" "opentelemetry-sdk==1.44.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import logging

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable(logging.CRITICAL)
collected = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(collected))
trace.set_tracer_provider(provider)


class Scripted(BaseLlm):
    """A model that calls the first tool that it has, once, and answers then."""

    async def generate_content_async(self, llm_request, stream=False):
        tools = [one for tool in llm_request.config.tools or () for one in tool.function_declarations or ()]
        answered = any(part.function_response for one in llm_request.contents for part in one.parts)
        part = types.Part(text=f"{self.model} answers")
        if self.model == "keeper" and tools and not answered:
            given = {"helper": {"request": "Are the stairs dry?"}, "transfer_to_agent": {"agent_name": "helper"}}
            [call] = [one.name for one in tools]
            part = types.Part(function_call=types.FunctionCall(id="c1", name=call, args=given[call]))
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def agent(name, **more):
    return LlmAgent(name=name, model=Scripted(model=name), instruction="instruction", description=name, **more)


def shown(part):
    """Return the words of a part of a message: whose they are, of what is not the user's."""
    text = part.get("content", "")
    if "BEGIN_QUOTED_AGENT_CONTENT" in text or "BEGIN_SYSTEM_INSTRUCTION" in text:
        return text.split("<<<")[0].split(",")[0].strip() + " ..."
    return text or part["type"]


async def run(title, root, *questions):
    print(f"{title}:")
    runner = InMemoryRunner(agent=root, app_name="light")
    session = await runner.session_service.create_session(app_name="light", user_id="u", session_id="night")
    for question in questions:
        collected.clear()
        asked = types.Content(role="user", parts=[types.Part(text=question)])
        async for _ in runner.run_async(user_id="u", session_id=session.id, new_message=asked):
            pass
        told(sorted(collected.get_finished_spans(), key=lambda span: span.start_time))


def told(spans):
    """Print the spans below each other, with what they say of themselves."""
    depths = {}
    for span in spans:
        depth = depths[span.context.span_id] = depths.get(span.parent.span_id if span.parent else 0, 0) + 1
        own = span.attributes
        words = [span.name]
        words += [f"{name}={own[key]}" for name, key in NAMES.items() if key in own]
        if "gen_ai.conversation.id" in own:
            words.append("conversation=" + ("night" if own["gen_ai.conversation.id"] == "night" else "another"))
        print("  " * depth + " ".join(words))
        for message in json.loads(own.get("gen_ai.input.messages", "[]")):
            print("  " * depth + f"  {message['role']}: {', '.join(map(shown, message['parts']))}")


NAMES = {"workflow": "gen_ai.workflow.name", "agent": "gen_ai.agent.name"}


async def main():
    await run("a plain agent", agent("helper"), "Is all well?")
    await run("an agent as a tool", agent("keeper", tools=[AgentTool(agent=agent("helper"))]), "Is all well?")
    await run("an agent that hands over", agent("keeper", sub_agents=[agent("helper")]), "Is all well?", "And now?")
    static = types.Content(role="user", parts=[types.Part(text="static")])
    await run("a static instruction", agent("helper", static_instruction=static), "Is all well?")


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
a plain agent:
  invoke_workflow helper workflow=helper conversation=night
    invoke_agent helper agent=helper conversation=night
      generate_content helper agent=helper conversation=night
        user: Is all well?
an agent as a tool:
  invoke_workflow keeper workflow=keeper conversation=night
    invoke_agent keeper agent=keeper conversation=night
      generate_content keeper agent=keeper conversation=night
        user: Is all well?
      execute_tool helper agent=keeper
        invoke_workflow helper workflow=helper conversation=another
          invoke_agent helper agent=helper conversation=another
            generate_content helper agent=helper conversation=another
              user: Are the stairs dry?
      generate_content keeper agent=keeper conversation=night
        user: Is all well?
        assistant: tool_call
        user: tool_call_response
an agent that hands over:
  invoke_workflow keeper workflow=keeper conversation=night
    invoke_agent keeper agent=keeper conversation=night
      generate_content keeper agent=keeper conversation=night
        user: Is all well?
      execute_tool transfer_to_agent agent=keeper
    invoke_agent helper agent=helper conversation=night
      generate_content helper agent=helper conversation=night
        user: Is all well?
        user: For context: below is a transcript of what another agent did ..., [keeper] called tool `transfer_to_agent` with parameters: ...
        user: For context: below is a transcript of what another agent did ..., [keeper] `transfer_to_agent` tool returned result: ...
  invoke_workflow helper workflow=helper conversation=night
    invoke_agent helper agent=helper conversation=night
      generate_content helper agent=helper conversation=night
        user: Is all well?
        user: For context: below is a transcript of what another agent did ..., [keeper] called tool `transfer_to_agent` with parameters: ...
        user: For context: below is a transcript of what another agent did ..., [keeper] `transfer_to_agent` tool returned result: ...
        assistant: helper answers
        user: And now?
a static instruction:
  invoke_workflow helper workflow=helper conversation=night
    invoke_agent helper agent=helper conversation=night
      generate_content helper agent=helper conversation=night
        user: The text between ...
        user: Is all well?
TXT
export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY
"$work/venv/bin/python" trial.py >seen.txt 2>errors.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
