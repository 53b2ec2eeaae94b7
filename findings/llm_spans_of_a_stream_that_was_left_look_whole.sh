#!/usr/bin/env bash
# opentelemetry-instrumentation-openai 0.62.4 (Traceloop), openinference-instrumentation-openai 0.1.66,
# opentelemetry-instrumentation-openai-v2 2.4b0 (OpenTelemetry): an answer whose stream is left in the middle has a
# span that says OK, one that says nothing, or none.
#
# A program streams an answer of a chat model and stops reading: its user said stop, or it has seen enough. Spans of
# such calls are kept as conversations. One would guess that the span ends as cancelled, or with an error, and the same
# for a response that ends before its last chunk. In fact, for openai 3.57.0 and `for chunk in stream: break`:
#
# 1. Traceloop's span has the status OK, and the half that came as the whole answer. Its `finish_reason` is "".
# 2. OpenInference's has no status and the same half. There is no `llm.finish_reason`. If the response itself ended
#    early, the status is OK.
# 3. OpenTelemetry's own instrumentation has no span at all. It ends one if the stream was closed, by `with` or
#    `close()`; a `break` alone, also behind the last chunk, and an error of the program's own in the loop lose it.
# 4. That instrumentation, installed beside openai alone, cannot be imported. It takes opentelemetry-util-genai 1.3b0,
#    which has not the module that it asks for; and it imports httpx, which openai 3 does not bring. So 0.4b0 and httpx
#    are named here.
#
# So who keeps answers from spans must ask for the finish reason, in two forms, and must not take OK for an end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0" "opentelemetry-sdk==1.45.2" \
  "openinference-instrumentation-openai==0.1.66" "opentelemetry-instrumentation-openai==0.62.4" \
  "opentelemetry-instrumentation-openai-v2==2.4b0" "opentelemetry-util-genai==0.4b0" "httpx==0.28.1"
cd "$work"
cat >trial.py <<'PY'
import gc
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

whose = sys.argv[1]
if whose == "Traceloop":
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
elif whose == "OpenInference":
    from openinference.instrumentation.openai import OpenAIInstrumentor
else:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
OpenAIInstrumentor().instrument(tracer_provider=provider)
import openai

TEXTS = ["Three ", "boats ", "passed."]


class Model(BaseHTTPRequestHandler):
    chunks = 3

    def log_message(self, *said):
        """Say nothing."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for number, text in enumerate(TEXTS[: self.chunks]):
                ends = "stop" if number == 2 else None
                choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": ends}
                chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            if self.chunks == 3:
                self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass  # The program stopped reading.


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0)


def asked():
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "How many?"}], stream=True)


def tell(said):
    gc.collect()
    spans = exporter.get_finished_spans()
    exporter.clear()
    for span in spans:
        given = dict(span.attributes)
        if "gen_ai.output.messages" in given:
            [message] = json.loads(given["gen_ai.output.messages"])
            text, reason = message["parts"][0]["content"], repr(message["finish_reason"])
        else:
            text = given.get("llm.output_messages.0.message.content", "")
            reason = repr(given["llm.finish_reason"]) if "llm.finish_reason" in given else "no"
        said_of_it = f", {text!r}, {reason} finish reason" if whose != "OpenTelemetry" else ""
        print(f"{whose}, {said}: {span.status.status_code.name}{said_of_it}")
    if not spans:
        print(f"{whose}, {said}: no span")


for chunk in asked():
    pass
tell("whole")
for chunk in asked():
    break
tell("left")
with asked() as stream:
    for chunk in stream:
        break
tell("left in a with")
for chunk in asked():
    if chunk.choices[0].finish_reason:
        break
tell("left behind the last chunk")
try:
    for chunk in asked():
        raise ValueError
except ValueError:
    pass
tell("an error in the loop")
Model.chunks = 2
for chunk in asked():
    pass
tell("the response ended early")
PY
cat >expected.txt <<'TXT'
Traceloop, whole: OK, 'Three boats passed.', 'stop' finish reason
Traceloop, left: OK, 'Three ', '' finish reason
Traceloop, left in a with: OK, 'Three ', '' finish reason
Traceloop, left behind the last chunk: OK, 'Three boats passed.', 'stop' finish reason
Traceloop, an error in the loop: OK, 'Three ', '' finish reason
Traceloop, the response ended early: OK, 'Three boats ', '' finish reason
OpenInference, whole: OK, 'Three boats passed.', 'stop' finish reason
OpenInference, left: UNSET, 'Three ', no finish reason
OpenInference, left in a with: UNSET, 'Three ', no finish reason
OpenInference, left behind the last chunk: UNSET, 'Three boats passed.', 'stop' finish reason
OpenInference, an error in the loop: UNSET, 'Three ', no finish reason
OpenInference, the response ended early: OK, 'Three boats ', no finish reason
OpenTelemetry, whole: UNSET
OpenTelemetry, left: no span
OpenTelemetry, left in a with: UNSET
OpenTelemetry, left behind the last chunk: no span
OpenTelemetry, an error in the loop: no span
OpenTelemetry, the response ended early: UNSET
beside openai: ModuleNotFoundError: No module named 'httpx'
beside httpx too: ModuleNotFoundError: No module named 'opentelemetry.util.genai.instruments'
TXT
for whose in Traceloop OpenInference OpenTelemetry; do
  "$work/venv/bin/python" trial.py "$whose" 2>said.txt || { cat said.txt >&2; exit 1; }
done >seen.txt
python3 -m venv "$work/beside"
"$work/beside/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0" \
  "opentelemetry-instrumentation-openai-v2==2.4b0" "opentelemetry-util-genai==1.3b0"
imported() { # Fails both times: its last line says why.
  "$work/beside/bin/python" -c "import opentelemetry.instrumentation.openai_v2" 2>&1 | tail -1
}
echo "beside openai: $(imported)" >>seen.txt
"$work/beside/bin/pip" install --quiet --disable-pip-version-check "httpx==0.28.1"
echo "beside httpx too: $(imported)" >>seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
