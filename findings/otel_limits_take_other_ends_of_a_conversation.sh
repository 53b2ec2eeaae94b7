#!/usr/bin/env bash
# opentelemetry-sdk 1.45.2 (Python), @opentelemetry/sdk-trace-base 2.12.1 (JavaScript): at the limit of 128 attributes
# the one throws out the oldest, the other refuses the newest. Of a long conversation each loses another end.
#
# A span has at most 128 attributes unless somebody says otherwise, and OpenInference writes two for each message of
# the history: past some sixty messages the limit is met. The specification has an SDK discard the attribute that is
# one too many, and one would guess the same everywhere. In fact:
#
# 1. JavaScript's SDK does that: the first 128 stay.
# 2. Python's drops the one that was set first, each time. Of a chat of 202 messages the instruction and the first 140
#    are gone, and so are `input.value` and `output.value` (which hold everything once more), set before them; the
#    span keeps its kind, for that is set at its end.
# 3. Both count what is gone (`dropped_attributes`), and nothing says which.
# 4. Traceloop's instrumentation writes the whole history as one text of JSON. Where OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT
#    is set, it is cut from its end: it is no JSON then, the newest question is what is missing, the answer to it is
#    whole, and nothing is counted as dropped.
#
# So who reads spans must not take the last question that is there for the one that was answered. Raise
# OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, and set no limit to the length, where spans are to be kept as conversations.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "opentelemetry-sdk==1.45.2" "openai==3.57.0" \
  "openinference-instrumentation-openai==0.1.66" "opentelemetry-instrumentation-openai==0.62.4"
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@opentelemetry/sdk-trace-base@2.12.1" \
  "@opentelemetry/api@1.9.0" >npm.log 2>&1
cat >plain.cjs <<'JS'
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const span = provider.getTracer("trial").startSpan("chat");
for (let number = 1; number <= 200; number++) span.setAttribute(`message.${number}`, "x");
span.end();
const [ended] = exporter.getFinishedSpans();
const names = Object.keys(ended.attributes);
console.log(`JavaScript: ${names[0]} to ${names.at(-1)}, dropped ${ended.droppedAttributesCount}`);
JS
cat >trial.py <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It is closed."}}],
}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def chat(turns):
    """Ask about the pier after so many turns of talk."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said = [{"role": "system", "content": "You know piers."}]
    for turn in range(turns):
        said += [{"role": "user", "content": f"question {turn}"}, {"role": "assistant", "content": f"answer {turn}"}]
    said.append({"role": "user", "content": "How is the pier?"})
    client = OpenAI(base_url=f"http://127.0.0.1:{server.server_address[1]}", api_key="none")
    client.chat.completions.create(model="m", messages=said)
    server.shutdown()


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
if sys.argv[1] == "plain":
    span = provider.get_tracer("trial").start_span("chat")
    for number in range(1, 201):
        span.set_attribute(f"message.{number}", "x")
    span.end()
    [ended] = exporter.get_finished_spans()
    names = list(ended.attributes)
    print(f"Python: {names[0]} to {names[-1]}, dropped {ended.dropped_attributes}")
elif sys.argv[1] == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    chat(100)
    [ended] = exporter.get_finished_spans()
    first = next(iter(ended.attributes))
    kept = [name for name in ("input.value", "output.value", "openinference.span.kind") if name in ended.attributes]
    print(f"OpenInference: begins with {first}; of three others has {kept}; dropped {ended.dropped_attributes > 0}")
else:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    chat(10)
    [ended] = exporter.get_finished_spans()
    asked, answered = ended.attributes["gen_ai.input.messages"], ended.attributes["gen_ai.output.messages"]
    try:
        json.loads(asked)
    except ValueError:
        print("Traceloop: what was asked is no JSON; the question in it:", "How is the pier?" in asked)
    print("Traceloop: the answer:", json.loads(answered)[0]["parts"][0]["content"], "dropped", ended.dropped_attributes)
PY
cat >expected.txt <<'TXT'
JavaScript: message.1 to message.128, dropped 72
Python: message.73 to message.200, dropped 72
OpenInference: begins with llm.input_messages.140.message.content; of three others has ['openinference.span.kind']; dropped True
Traceloop: what was asked is no JSON; the question in it: False
Traceloop: the answer: It is closed. dropped 0
TXT
{
  node plain.cjs
  "$work/venv/bin/python" trial.py plain
  "$work/venv/bin/python" trial.py openinference
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=1000 "$work/venv/bin/python" trial.py traceloop
} >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
