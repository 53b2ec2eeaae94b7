#!/usr/bin/env bash
# Cline CLI 3.0.65, Copilot CLI 1.0.102: a sub-agent whose model refused, or that was killed, is noted as completed.
#
# One would guess that an agent that did not finish is noted as failed: Copilot CLI has an event `subagent.failed` beside
# `subagent.completed`, and Cline's table of sessions has a status `failed`. In fact:
#
# 1. Cline writes `completed` into the row of a helper whose model refused. The refusal stands in the helper's file as
#    what the assistant said: only `metadata.displayOnly` tells. The parent's result of the call has it as `text`, with
#    `finishReason` `error`.
# 2. Copilot CLI writes `subagent.failed` for such an agent. One that was working when the tool was killed gets
#    `subagent.completed` with `cancelled: true`, not before the session is resumed, and with the time of that.
#
# So who reads results of agents looks at the call's result and at `cancelled`, and not at the status alone.
#
# Needs Node 20 or newer, and root: each tool runs in a network of its own that has nothing but loopback.
set -euo pipefail
command -v node >/dev/null || { echo "this needs node"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@cline/cli-linux-x64@3.0.65" \
  "@github/copilot-linux-x64@1.0.102" >npm.log 2>&1 || { cat npm.log; exit 2; }
cat >trial.py <<'PY'
import json
import os
import sqlite3
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REFUSED, SLOW, MORE = "Refused-helper", "Slow-helper", "What is next?"
working = threading.Event()


def call_of(name, given):
    function = {"name": name, "arguments": json.dumps(given)}
    return {"tool_calls": [{"index": 0, "id": f"call_{name}", "type": "function", "function": function}]}


def answer(body):
    """Return the status and what the model says: it begins an agent, refuses, or has a command run."""
    messages = body["messages"]
    asked = [str(one["content"]) for one in messages if one["role"] == "user"]
    last = asked[-1] if asked else ""
    results = [one for one in messages if one["role"] == "tool"]
    tools = {one["function"]["name"]: one["function"] for one in body.get("tools", [])}
    if MORE in last:
        return 200, {"content": "Nothing."}
    if REFUSED in last and "begin" not in last:
        return 400, None
    if SLOW in last and "begin" not in last:
        working.set()
        return 200, call_of("bash", {"command": "sleep 100", "description": "wait", "mode": "sync", "initial_wait": 99})
    if "begin" in last and not results:
        task = REFUSED if REFUSED in last else SLOW
        if "spawn_agent" in tools:
            return 200, call_of("spawn_agent", {"systemPrompt": "You help.", "task": task})
        given = {"description": "help", "prompt": task, "agent_type": "general-purpose", "name": "helper"}
        return 200, call_of("task", given)
    return 200, {"content": "Done."}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.give(200, "application/json", '{"object": "list", "data": [{"id": "scripted", "object": "model"}]}')

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))) or b"{}")
        if not self.path.partition("?")[0].endswith("/chat/completions"):
            self.give(200, "application/json", "{}")
            return
        status, delta = answer(body)
        if status != 200:
            self.give(status, "application/json", '{"error": {"message": "refused by the model", "code": "refused"}}')
            return
        reason = "tool_calls" if "tool_calls" in delta else "stop"
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choices = [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]
        ends = [{"index": 0, "delta": {}, "finish_reason": reason}]
        told = [{**chunk, "choices": choices}, {**chunk, "choices": ends}, {**chunk, "choices": [], "usage": usage}]
        lines = "".join(f"data: {json.dumps(one)}\n\n" for one in told)
        self.give(200, "text/event-stream", f"{lines}data: [DONE]\n\n")

    def give(self, status, media, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}/v1"
modules = Path("node_modules").absolute()


def prepared(name, **variables):
    home = Path("homes", name).absolute()
    (home / "pier").mkdir(parents=True)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TERM": "dumb", **variables}
    run = {"cwd": home / "pier", "env": environment, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    return home, {**run, "stderr": subprocess.DEVNULL}


home, run = prepared("cline", CLINE_TELEMETRY_DISABLED="1", CLINE_NO_AUTO_UPDATE="1", DO_NOT_TRACK="1")
cline = modules / "@cline/cli-linux-x64/bin/cline"
settings = ("-p", "openai-compatible", "-k", "none", "-m", "scripted", "-b", address)
subprocess.run([cline, "auth", *settings], timeout=120, check=True, **run)
subprocess.run([cline, f"begin {REFUSED}"], timeout=120, check=False, **run)
with sqlite3.connect(home / ".cline/data/db/sessions.db") as database:
    query = "SELECT status FROM sessions WHERE parent_session_id IS NOT NULL AND parent_session_id <> ''"
    print("Cline: status", [row[0] for row in database.execute(query)])
[path] = (home / ".cline/data/sessions").glob("*/agent_*.messages.json")
last = json.loads(path.read_text())["messages"][-1]
print("  the helper said", last["role"], last["content"][0]["text"], last["metadata"])
[path] = (path for path in path.parent.glob("*.messages.json") if not path.name.startswith("agent_"))
blocks = [block for one in json.loads(path.read_text())["messages"] for block in one["content"]]
[result] = [json.loads(block["content"]) for block in blocks if block["type"] == "tool_result"]
print("  its call gave", result["text"], result["finishReason"])

own = {"COPILOT_PROVIDER_BASE_URL": address, "COPILOT_PROVIDER_API_KEY": "none", "COPILOT_MODEL": "scripted"}
home, run = prepared("copilot", **own, COPILOT_OFFLINE="true", COPILOT_AUTO_UPDATE="false")
copilot = [modules / "@github/copilot-linux-x64/copilot", "--allow-all-tools"]


def ends(session):
    lines = (home / ".copilot/session-state" / session / "events.jsonl").read_text().splitlines()
    found = [one for one in map(json.loads, lines) if one["type"] in ("subagent.completed", "subagent.failed")]
    resumed = [one["timestamp"] for one in map(json.loads, lines) if one["type"] == "session.resume"]
    return [
        (one["type"], one["data"].get("cancelled"), "after the resume" if one["timestamp"] > min(resumed, default="9") else "")
        for one in found
    ]


names = [f"44444444-4444-4444-8444-00000000000{number}" for number in range(2)]
subprocess.run([*copilot, "--session-id", names[0], "-p", f"begin {REFUSED}"], timeout=120, check=False, **run)
print("Copilot CLI: refused", ends(names[0]))
begun = subprocess.Popen([*copilot, "--session-id", names[1], "-p", f"begin {SLOW}"], **run)
assert working.wait(120)
events = home / ".copilot/session-state" / names[1] / "events.jsonl"
until = time.monotonic() + 60
while not (events.exists() and "sleep 100" in events.read_text()) and time.monotonic() < until:
    time.sleep(0.2)
begun.kill()
begun.wait()
print("  killed", ends(names[1]))
subprocess.run([*copilot, f"--resume={names[1]}", "-p", MORE], timeout=120, check=False, **run)
print("  resumed", ends(names[1]))
os._exit(0)
PY
unshare --net --pid --fork --kill-child --mount-proc bash -c 'ip link set lo up; exec env -i PATH="$PATH" python3 -u trial.py' >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
cat >expected.txt <<'TXT'
Cline: status ['completed']
  the helper said assistant refused by the model {'displayOnly': True, 'displayRole': 'error'}
  its call gave refused by the model error
Copilot CLI: refused [('subagent.failed', None, '')]
  killed []
  resumed [('subagent.completed', True, 'after the resume')]
TXT
diff expected.txt seen.txt && echo "as described"
