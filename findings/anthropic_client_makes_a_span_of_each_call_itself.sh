#!/usr/bin/env bash
# anthropic 2.14.0, opentelemetry-instrumentation-anthropic 0.62.4 (Traceloop): the client makes a span of each call by
# itself, so that an instrumented call has two, of the operation `chat`, which do not hang on each other.
#
# A client library leaves spans to an instrumentation. One would guess that without one there are none, that with one
# there is one a call, and that of two spans of a call the inner one hangs on the outer one. In fact:
#
# 1. Where the process has a tracer provider, each call of anthropic 2.14.0 is a span, with tokens and without content.
#    `content_mode` or ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE adds the messages.
# 2. Traceloop's span is not the current one while it lasts. So the client's own stands beside it, or, where nothing is
#    around the call, in another trace. Both count tokens, and with content both say the same. What they have in common
#    is `gen_ai.response.id`.
# 3. Of `messages.stream` Traceloop makes no span at all. Only the client's own is there.
# 4. A stream that is left has the half as its message, without an error. The client's spans have no finish reason, not in
#    the messages and not in `gen_ai.response.finish_reasons`, for a whole answer either: what tells is whether
#    `anthropic.message.stop_reason` is there.
#
# 5. ANTHROPIC_OPEN_TELEMETRY=false switches its spans off, but not those of a client that was given `open_telemetry`.
#
# So who counts calls or keeps what was said from spans drops one of two with the same response id, and asks the client's
# own for the reason of the end under its own name.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "anthropic==2.14.0" "opentelemetry-sdk==1.45.2" \
  "opentelemetry-instrumentation-anthropic==0.62.4" "opentelemetry-instrumentation==0.66b2" \
  "opentelemetry-semantic-conventions-ai==0.5.1"
cd "$work"
cat >trial.py <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
if sys.argv[1:]:
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=provider)
import anthropic

MESSAGE = {"type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
WORDS = ["Three ", "boats ", "passed."]
answers = 0


class Model(BaseHTTPRequestHandler):
    """A model that answers at once or in a stream, each time with an id of its own."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        global answers
        answers += 1
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        usage = {"input_tokens": 1, "output_tokens": 1}
        empty = {**MESSAGE, "id": f"msg_{answers}", "content": [], "stop_reason": None, "usage": usage}
        if request.get("stream"):
            events = [{"type": "message_start", "message": empty}]
            events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
            for word in WORDS:
                delta = {"type": "text_delta", "text": word}
                events.append({"type": "content_block_delta", "index": 0, "delta": delta})
            events.append({"type": "content_block_stop", "index": 0})
            ended = {"stop_reason": "end_turn", "stop_sequence": None}
            events += [{"type": "message_delta", "delta": ended, "usage": usage}, {"type": "message_stop"}]
            text = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
        else:
            block = {"type": "text", "text": "".join(WORDS)}
            text = json.dumps({**empty, "content": [block], "stop_reason": "end_turn"})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if request.get("stream") else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def shown(what):
    """Print the spans of a call: what they say, and how they say that it ended."""
    print(f"{what}:")
    for span in sorted(exporter.get_finished_spans(), key=lambda one: one.start_time):
        held = span.attributes
        ends = [name for name in ("anthropic.message.stop_reason", "gen_ai.response.finish_reasons") if name in held]
        messages = json.loads(held.get("gen_ai.output.messages", "[]"))
        said = [part["content"] for one in messages for part in one["parts"]]
        reason = [one.get("finish_reason") for one in messages]
        above = "a root" if span.parent is None else "below another"
        which = f"{held['gen_ai.operation.name']} {span.name} {held['gen_ai.response.id']}, {above}"
        print(f"  {which}: {said} {reason} {span.status.status_code.name} {ends}")
    exporter.clear()


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}"
plain = anthropic.Anthropic(base_url=address, api_key="none")
telling = plain.with_options(open_telemetry={"traces": {"content_mode": "content"}})
asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "And the boats?"}]}
plain.messages.create(**asked)
shown("a call")
telling.messages.create(**asked)
shown("a call, with content")
with telling.messages.stream(**asked) as stream:
    stream.get_final_text()
shown("a stream")
with telling.messages.stream(**asked) as stream:
    next(iter(stream.text_stream))
shown("a stream that is left")
server.shutdown()
PY
cat >expected.txt <<'TXT'
a call:
  chat anthropic.messages.create msg_1, a root: [] [] OK ['anthropic.message.stop_reason']
a call, with content:
  chat anthropic.messages.create msg_2, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
a stream:
  chat anthropic.messages.create msg_3, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
a stream that is left:
  chat anthropic.messages.create msg_4, a root: ['Three '] [None] UNSET []
with ANTHROPIC_OPEN_TELEMETRY=false:
a call:
a call, with content:
  chat anthropic.messages.create msg_2, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
with ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content:
a call:
  chat anthropic.messages.create msg_1, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
a call, with content:
  chat anthropic.messages.create msg_2, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
with Traceloop's:
a call:
  chat anthropic.chat msg_1, a root: ['Three boats passed.'] ['stop'] OK ['gen_ai.response.finish_reasons']
  chat anthropic.messages.create msg_1, a root: [] [] OK ['anthropic.message.stop_reason']
a call, with content:
  chat anthropic.chat msg_2, a root: ['Three boats passed.'] ['stop'] OK ['gen_ai.response.finish_reasons']
  chat anthropic.messages.create msg_2, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
a stream:
  chat anthropic.messages.create msg_3, a root: ['Three boats passed.'] [None] OK ['anthropic.message.stop_reason']
a stream that is left:
  chat anthropic.messages.create msg_4, a root: ['Three '] [None] UNSET []
TXT
"$work/venv/bin/python" -W ignore trial.py >seen.txt 2>said.txt || { cat said.txt; exit 1; }
for switch in ANTHROPIC_OPEN_TELEMETRY=false ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content; do
  env "$switch" "$work/venv/bin/python" -W ignore trial.py >all.txt 2>said.txt || { cat said.txt; exit 1; }
  { echo "with $switch:" && sed '/^a stream:/,$d' all.txt; } >>seen.txt
done
echo "with Traceloop's:" >>seen.txt
"$work/venv/bin/python" -W ignore trial.py beside >>seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
