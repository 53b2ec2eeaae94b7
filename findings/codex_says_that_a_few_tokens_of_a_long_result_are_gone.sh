#!/usr/bin/env bash
# @openai/codex 0.171.0: most of an MCP tool's long result never reaches the model, and the text in its place says
# that seven or eight tokens are missing.
#
# A client may shorten what a tool answers. One would guess that it keeps the beginning and says how much is gone, as
# Codex's own words have it: "…N tokens truncated…". In fact, with a model that its catalogue does not name:
#
# 1. About 12,000 bytes are shown. The rest goes out of the middle: of twenty hits of a search, in JSON, the first and
#    the last ones stay, and the JSON is none any more. `tool_output_token_limit` in its settings moves the bound.
# 2. N is the same 7 for 13,000 bytes and for 100,000, and 8 for a text of a million: it counts what a second pass took
#    away, which was little more than the words of the first one, that had the right number.
#
# So the model has reason to believe that it has seen everything. A tool has to keep its answers short by itself, and
# to say itself what it left out.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@openai/codex@0.171.0" >npm.log 2>&1
cat >server.py <<'PY'
import json
import sys

SCHEMA = {"type": "object", "properties": {}}
SIZES = {"small": 8_000, "long": 13_000, "longer": 100_000}


def called(name):
    if name == "text":
        lines = "\n".join(f"line {number} of a text" for number in range(60_000))
        return {"content": [{"type": "text", "text": lines}]}
    answer = {"hits": [{"n": number, "text": "x" * (SIZES[name] // 20)} for number in range(20)]}
    return {"content": [{"type": "text", "text": json.dumps(answer)}], "structuredContent": answer}


for line in sys.stdin:
    message = json.loads(line)
    method, parameters = message.get("method"), message.get("params") or {}
    if "id" not in message or method is None:
        continue
    answer = {"jsonrpc": "2.0", "id": message["id"]}
    if method == "initialize":
        answer["result"] = {
            "protocolVersion": parameters["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "probe", "version": "1"},
        }
    elif method == "tools/list":
        names = [*SIZES, "text"]
        answer["result"] = {"tools": [{"name": name, "description": name, "inputSchema": SCHEMA} for name in names]}
    elif method == "tools/call":
        answer["result"] = called(parameters["name"])
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
PY
cat >trial.py <<'PY'
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STEPS = ("small", "long", "longer", "text")
USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
outputs = []


def item(request):
    """Return what the model says next: a call of each tool, and then a word."""
    calls = [one for one in request["input"] if one.get("type") == "function_call"]
    outputs[:] = [one["output"] for one in request["input"] if one.get("type") == "function_call_output"]
    if len(calls) == len(STEPS):
        content = [{"type": "output_text", "text": "done"}]
        return {"type": "message", "id": "m", "role": "assistant", "content": content}
    number = len(calls)
    call = {"type": "function_call", "id": f"f{number}", "call_id": f"c{number}", "arguments": "{}"}
    return {**call, "name": STEPS[number], "namespace": "mcp__probe"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.give("application/json", b'{"models": []}')

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        events = (
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.done", "item": item(request)},
            {"type": "response.completed", "response": {"id": "r", "usage": USAGE}},
        )
        lines = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
        self.give("text/event-stream", "".join(lines).encode())

    def give(self, media, body):
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}/v1"
home = Path("home").absolute()
home.mkdir()
settings = (
    "model=scripted",
    "model_provider=local",
    f'model_providers.local={{name="local",base_url="{address}",wire_api="responses"}}',
    f'mcp_servers.probe.command="{sys.executable}"',
    f'mcp_servers.probe.args=["{Path("server.py").absolute()}"]',
    "mcp_servers.probe.required=true",
)
words = ["node_modules/.bin/codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
subprocess.run(
    [*words, *(f"--config={one}" for one in settings), "go"],
    env={"PATH": os.environ["PATH"], "HOME": str(home)},
    stdin=subprocess.DEVNULL,
    capture_output=True,
    timeout=200,
    check=True,
)
for name, output in zip(STEPS, outputs, strict=True):
    text = output if isinstance(output, str) else "".join(part["text"] for part in output)
    hits = re.findall(r'"n":\d+', text)
    told = re.search(r"…(.*truncated)…", text)
    shown = "whole" if told is None else f"{round(len(text), -3)} bytes, {told[1]!r}"
    print(f"{name}: {shown}" + (f", hits {len(hits)} of 20" if hits else ""))
server.shutdown()
PY
cat >expected.txt <<'TXT'
small: whole, hits 20 of 20
long: 12000 bytes, '7 tokens truncated', hits 17 of 20
longer: 12000 bytes, '7 tokens truncated', hits 3 of 20
text: 12000 bytes, '8 tokens truncated'
TXT
python3 trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
