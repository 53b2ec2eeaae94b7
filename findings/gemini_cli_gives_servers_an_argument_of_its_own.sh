#!/usr/bin/env bash
# Gemini CLI 0.61.0: each tool of an MCP server has one argument more for the model, `wait_for_previous`, and the server
# gets it, also where its schema lets no other arguments in.
#
# A client shows its model the tools as their server describes them. One would guess that an argument which a client
# adds for itself (when may this call run?) is taken out before the call goes to the server, and that a schema with
# `additionalProperties: false` keeps anything else from it: Gemini CLI checks a call against that schema first. In
# fact:
#
# 1. The model sees `wait_for_previous`, true or false, in each tool's schema, one that has no properties too.
# 2. What the model says there stands among the arguments of `tools/call`.
# 3. The check before lets it pass, and refuses any other argument that the schema does not have.
# 4. Left out by the model, it is not sent.
#
# So a server that refuses what it does not know, as its own schema says, fails only for this client, and only when the
# model chose the order of its calls.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@google/gemini-cli@0.61.0" >npm.log 2>&1
cat >server.py <<'PY'
import json
import sys

STRICT = {"type": "object", "properties": {"query": {"type": "string"}}, "additionalProperties": False}
TOOLS = {"strict": STRICT, "empty": {"type": "object", "properties": {}, "additionalProperties": False}}
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
        answer["result"] = {"tools": [{"name": name, "inputSchema": schema} for name, schema in TOOLS.items()]}
    elif method == "tools/call":
        with open(sys.argv[1], "a") as heard:
            print(parameters["name"], json.dumps(parameters.get("arguments"), sort_keys=True), file=heard)
        answer["result"] = {"content": [{"type": "text", "text": "ok"}]}
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
PY
cat >trial.py <<'PY'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STEPS = (
    ("strict", {"query": "a", "wait_for_previous": True}),
    ("strict", {"query": "b", "wait_for_previous": False}),
    ("strict", {"query": "c"}),
    ("strict", {"query": "d", "other": True}),
    ("empty", {"wait_for_previous": True}),
)
asked = []


class Model(BaseHTTPRequestHandler):
    """A model that calls the tools of the steps, one after another."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = b'{"totalTokens": 1}'
        if "contents" in request and "Content" in self.path:
            asked.append(request)
            body = f"data: {json.dumps(answer(request))}\n\n".encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if body[:4] == b"data" else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def answer(request):
    done = sum("functionCall" in part for one in request["contents"] for part in one["parts"])
    part = {"text": "done"}
    if done < len(STEPS):
        name, arguments = STEPS[done]
        part = {"functionCall": {"name": f"mcp_probe_{name}", "args": arguments}}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    content = {"role": "model", "parts": [part]}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
home, heard = Path("home").absolute(), Path("heard").absolute()
(home / ".gemini").mkdir(parents=True)
local = {"command": sys.executable, "args": [str(Path("server.py").absolute()), str(heard)], "trust": True}
settings = {
    "mcpServers": {"probe": local},
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
}
(home / ".gemini/settings.json").write_text(json.dumps(settings))
environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GEMINI_API_KEY": "none"}
environment["GOOGLE_GEMINI_BASE_URL"] = f"http://127.0.0.1:{server.server_address[1]}"
program = Path("node_modules/.bin/gemini").absolute()
words = [program, "-p", "go", "--yolo", "-m", "gemini-2.5-flash", "--skip-trust"]
run = {"cwd": home, "env": environment, "stdin": subprocess.DEVNULL, "capture_output": True}
subprocess.run(words, timeout=300, check=True, **run)
declared = {one["name"]: one["parametersJsonSchema"] for tool in asked[-1]["tools"] for one in tool["functionDeclarations"]}
for name in ("strict", "empty"):
    schema = declared[f"mcp_probe_{name}"]
    print(f"{name}, for the model: {', '.join(schema['properties'])}; others {schema['additionalProperties']}")
print("the server got:")
print(heard.read_text(), end="")
parts = [part for one in asked[-1]["contents"] for part in one["parts"] if "functionResponse" in part]
print("the model got:", ", ".join("an error" if "error" in one["functionResponse"]["response"] else "ok" for one in parts))
server.shutdown()
PY
cat >expected.txt <<'TXT'
strict, for the model: query, wait_for_previous; others False
empty, for the model: wait_for_previous; others False
the server got:
strict {"query": "a", "wait_for_previous": true}
strict {"query": "b", "wait_for_previous": false}
strict {"query": "c"}
empty {"wait_for_previous": true}
the model got: ok, ok, ok, an error, ok
TXT
python3 trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
