#!/usr/bin/env bash
# opentelemetry-exporter-otlp-proto-http 1.45.2 (Python), @opentelemetry/exporter-trace-otlp-http 0.223.1 (JavaScript):
# asked by `Retry-After` to come again in 12 seconds, both drop the spans at once. Python's takes a redirect for success.
#
# An OTLP server that has too much to do answers 429 or 503, and may say when to come again. The protocol has the client
# honour that. One would guess that a longer pause makes the client wait longer, and that a redirect is followed, or is an
# error. In fact:
#
# 1. Both exporters have 10 seconds for an export with all its tries (OTEL_EXPORTER_OTLP_TIMEOUT). A pause that does not
#    fit into what is left is not waited for: one request, and the batch is dropped, within the first second.
# 2. Without the header, or asked for one second, they do come again.
# 3. Of 507 and 500 neither comes again, so a full disk of the server is final.
# 4. Any status from 300 to 399 is a success to Python's exporter: nothing is followed, nothing is logged, and the spans
#    are gone. 307 is what Starlette, for one, answers where an address has a slash too many at its end, and 308 what a
#    front end does that wants https. JavaScript's exporter fails there, without following either.
#
# So a server that wants its clients back asks for a pause of a second or two, however long it will take, and takes spans
# at each address that people may write, without a redirect.
set -euo pipefail
command -v node >/dev/null || { echo "this needs node"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "opentelemetry-sdk==1.45.2" \
  "opentelemetry-exporter-otlp-proto-http==1.45.2"
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@opentelemetry/sdk-trace-base@2.12.1" \
  "@opentelemetry/exporter-trace-otlp-http@0.223.1" >npm.log 2>&1 || { cat npm.log; exit 2; }
cat >trial.js <<'JS'
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const memory = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
provider.getTracer("trial").startSpan("work").end();

async function main(url) {
  await provider.forceFlush();
  const exporter = new OTLPTraceExporter({ url });
  const result = await new Promise((resolve) => exporter.export(memory.getFinishedSpans(), resolve));
  console.log(result.code === 0 ? "success" : "failure");
}
main(process.argv[2]);
JS
cat >trial.py <<'PY'
import logging
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

# The first answer to each address; the second is 200.
ANSWERS = [
    (429, "12"),
    (503, "12"),
    (429, "1"),
    (429, None),
    (503, None),
    (507, None),
    (500, None),
    (307, None),
    (308, None),
    (304, None),
]


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    heard = {}

    def do_POST(self):
        self.body()
        count = Server.heard[self.path] = Server.heard.get(self.path, 0) + 1
        status, pause = ANSWERS[int(self.path.rpartition("/")[2])] if count == 1 else (200, None)
        self.send_response(status)
        if pause:
            self.send_header("Retry-After", pause)
        if status in (307, 308):
            self.send_header("Location", self.path)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        if status != 304:
            self.send_header("Content-Length", "2")
        self.end_headers()
        if status != 304:
            self.wfile.write(b"{}")

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            self.rfile.read(int(self.headers["Content-Length"]))
            return
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + 2)
        self.rfile.readline()

    def log_message(self, *_):
        pass


def by_python(url, span):
    noted.clear()
    return OTLPSpanExporter(endpoint=url).export([span]).name.lower()


def by_javascript(url, _):
    return subprocess.run(["node", "trial.js", url], check=True, capture_output=True, text=True).stdout.strip()


noted = []


class Noting(logging.Handler):
    def emit(self, record):
        noted.append(record)


logging.getLogger().handlers = [Noting()]
server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
span = TracerProvider().get_tracer("trial").start_span("work")
span.end()
for export in (by_python, by_javascript):
    for number, (status, pause) in enumerate(ANSWERS):
        path = f"/{export.__name__}/{number}"
        found = export(f"http://127.0.0.1:{server.server_port}{path}", span)
        words = f"{status}, Retry-After {pause}" if pause else f"{status}"
        silent = ", nothing is logged" if export is by_python and found == "success" and not noted else ""
        print(f"{export.__name__}, {words}: {found}, {Server.heard[path]} request(s){silent}", flush=True)
server.shutdown()
PY
cat >expected.txt <<'TXT'
by_python, 429, Retry-After 12: failure, 1 request(s)
by_python, 503, Retry-After 12: failure, 1 request(s)
by_python, 429, Retry-After 1: success, 2 request(s)
by_python, 429: success, 2 request(s)
by_python, 503: success, 2 request(s)
by_python, 507: failure, 1 request(s)
by_python, 500: failure, 1 request(s)
by_python, 307: success, 1 request(s), nothing is logged
by_python, 308: success, 1 request(s), nothing is logged
by_python, 304: success, 1 request(s), nothing is logged
by_javascript, 429, Retry-After 12: failure, 1 request(s)
by_javascript, 503, Retry-After 12: failure, 1 request(s)
by_javascript, 429, Retry-After 1: success, 2 request(s)
by_javascript, 429: success, 2 request(s)
by_javascript, 503: success, 2 request(s)
by_javascript, 507: failure, 1 request(s)
by_javascript, 500: failure, 1 request(s)
by_javascript, 307: failure, 1 request(s)
by_javascript, 308: failure, 1 request(s)
by_javascript, 304: failure, 1 request(s)
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
