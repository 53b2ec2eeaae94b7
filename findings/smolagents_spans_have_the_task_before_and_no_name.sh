#!/usr/bin/env bash
# smolagents 1.26.0, openinference-instrumentation-smolagents 0.1.43: the span of an agent names the task of the run
# before, and the agent nowhere but in its own name. The call of an agent by another one has no span, and a model of
# one's own none.
#
# OpenInference has `agent.name` for an agent, TOOL for each call of a tool, and LLM for each request to a model. One
# would guess that a span says who ran and what it was asked, and that a call of a managed agent, which its model makes
# as that of any tool, is one of a tool. In fact, for "keeper", which has a managed agent "helper" with a model class of
# its own:
#
# 1. No span has `agent.name`. The agent is what stands before ".run" in the span's name.
# 2. `smolagents.task` is written before the run begins: it is missing in the first, and in the second it is the
#    first's. The task is in the JSON of `input.value`.
# 3. The helper hangs on a step of the keeper, without a span of a tool; its task there is a page of instructions around
#    what the keeper's model said.
# 4. The helper's model, a subclass of `Model` in the program, has no span: neither what it was told nor what it said.
# 5. A tool's span is called by its class (SimpleTool), and what the tool was given stands under `kwargs` beside two
#    others. The answer of an agent is a tool, too: `final_answer`.
#
# So who waits for LLM spans and names reads nothing of such an agent, though its span has its task and its answer.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "smolagents==1.26.0" "openai==3.57.0" \
  "openinference-instrumentation-smolagents==0.1.43" "opentelemetry-sdk==1.44.0"
cd "$work"
cat >trial.py <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

collected = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(collected))
SmolagentsInstrumentor().instrument(tracer_provider=provider)

from smolagents import ChatMessage, MessageRole, Model, OpenAIModel, ToolCallingAgent, tool
from smolagents.models import ChatMessageToolCall, ChatMessageToolCallFunction

ANSWERS = [
    ("helper", {"task": "Are the stairs dry?"}),
    ("final_answer", {"answer": "All is well."}),
    ("final_answer", {"answer": "Still well."}),
]


class Service(BaseHTTPRequestHandler):
    """A model of the keeper."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        name, arguments = ANSWERS.pop(0)
        function = {"name": name, "arguments": json.dumps(arguments)}
        message = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
        choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        answer = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Own(Model):
    """A model of the helper: it looks, and answers."""

    def __init__(self):
        super().__init__(model_id="own")
        self.calls = [("look", {"place": "stair"}), ("final_answer", {"answer": "The stairs are dry."})]

    def generate(self, messages, **_):
        name, arguments = self.calls.pop(0)
        function = ChatMessageToolCallFunction(name=name, arguments=arguments)
        call = ChatMessageToolCall(id="c1", type="function", function=function)
        return ChatMessage(role=MessageRole.ASSISTANT, content="I call it.", tool_calls=[call])


@tool
def look(place: str) -> str:
    """Look at a place.

    Args:
        place: The place.
    """
    return f"the {place} is dry"


def told(spans):
    """Print the spans below each other, with what they say of themselves."""
    depths = {}
    for span in sorted(spans, key=lambda span: span.start_time):
        depth = depths[span.context.span_id] = depths.get(span.parent.span_id if span.parent else 0, 0) + 1
        own, indent = span.attributes, "  " * depth
        names = ", ".join(f"{name} {own[name]}" for name in ("agent.name", "tool.name", "smolagents.task") if name in own)
        print(f"{indent}{own['openinference.span.kind']} {span.name}{': ' if names else ''}{names}")
        if own["openinference.span.kind"] in ("AGENT", "TOOL"):
            given = json.loads(own["input.value"])
            asked = given.get("task", "")
            shown = f"{len(asked.splitlines()) > 3 and 'a page with '}{'Are the stairs dry?' if 'stairs' in asked else asked}"
            print(f"{indent}  given {shown.removeprefix('False') if asked else json.dumps(given)}")
            print(f"{indent}  gave {own['output.value']}")


service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=service.serve_forever, daemon=True).start()
model = OpenAIModel("m", api_base=f"http://127.0.0.1:{service.server_address[1]}/v1", api_key="none")
quiet = {"verbosity_level": 0}
helper = ToolCallingAgent(tools=[look], model=Own(), name="helper", description="helps", **quiet)
keeper = ToolCallingAgent(tools=[], managed_agents=[helper], model=model, name="keeper", description="keeps", **quiet)
for question in ("Is all well?", "And now?"):
    keeper.run(question, reset=False)
    print(f"{question}")
    told(collected.get_finished_spans())
    collected.clear()
service.shutdown()
PY
cat >expected.txt <<'TXT'
Is all well?
  AGENT keeper.run
    given Is all well?
    gave All is well.
    CHAIN Step 1
      LLM OpenAIModel.generate
      AGENT helper.run
        given a page with Are the stairs dry?
        gave The stairs are dry.
        CHAIN Step 1
          TOOL SimpleTool: tool.name look
            given {"args": [], "sanitize_inputs_outputs": true, "kwargs": {"place": "stair"}}
            gave the stair is dry
        CHAIN Step 2
          TOOL FinalAnswerTool: tool.name final_answer
            given {"args": [], "sanitize_inputs_outputs": true, "kwargs": {"answer": "The stairs are dry."}}
            gave The stairs are dry.
    CHAIN Step 2
      LLM OpenAIModel.generate
      TOOL FinalAnswerTool: tool.name final_answer
        given {"args": [], "sanitize_inputs_outputs": true, "kwargs": {"answer": "All is well."}}
        gave All is well.
And now?
  AGENT keeper.run: smolagents.task Is all well?
    given And now?
    gave Still well.
    CHAIN Step 1
      LLM OpenAIModel.generate
      TOOL FinalAnswerTool: tool.name final_answer
        given {"args": [], "sanitize_inputs_outputs": true, "kwargs": {"answer": "Still well."}}
        gave Still well.
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>errors.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
