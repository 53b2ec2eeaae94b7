#!/usr/bin/env bash
# goose 1.52.0: the result of an agent whose model refused, or that ran out of turns, reads as a success.
#
# One would guess that a call of `delegate` fails when its agent does: a result has a `status`, and in it `isError`. A
# command of the shell that fails has `isError` true, too. In fact, in `sessions.db`:
#
# 1. The result of an agent whose model refused has status `success` and `isError` false. The refusal stands where an
#    answer does ("Ran into this error: …"), without a mark. So does "I've reached the maximum number of actions …".
# 2. The agent's own session has neither text. Its last message is what it was asked, or the result of a tool. The row
#    of the session has no status at all. So only that its answer is missing there tells that it did not finish.
# 3. A command that fails is told the other way round: status `success`, and `isError` true beside it.
# 4. `--no-session` ("without creating or using a session") stores the talk as well, as a session of type `hidden`.
#
# Needs root: goose runs in a network of its own that has nothing but loopback.
set -euo pipefail
command -v npm >/dev/null || { echo "this needs npm"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@aaif/goose-binary-linux-x64@1.52.0" \
  >npm.log 2>&1 || { cat npm.log; exit 2; }
cat >trial.py <<'PY'
import json
import os
import sqlite3
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def call_of(name, given):
    function = {"name": name, "arguments": json.dumps(given)}
    return {"tool_calls": [{"index": 0, "id": f"call_{name}", "type": "function", "function": function}]}


def answer(body):
    """Return the status and what the model says: it begins an agent, refuses, or has a command run."""
    messages = body["messages"]
    asked = [str(one["content"]) for one in messages if one["role"] == "user"]
    last = asked[-1] if asked else ""
    results = [one for one in messages if one["role"] == "tool"]
    if "Refused-helper" in last and "begin" not in last:
        return 400, None
    if "Endless-helper" in last and "begin" not in last:
        return 200, call_of("shell", {"command": "echo again"})
    if results or not body.get("tools") or "begin" not in last and "false" not in last:
        return 200, {"content": "Noted."}
    if "false" in last:
        return 200, call_of("shell", {"command": "false"})
    task = "Refused-helper" if "Refused" in last else "Endless-helper"
    return 200, call_of("delegate", {"instructions": task, "max_turns": 2})


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.give(200, "application/json", json.dumps({"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, delta = answer(body)
        if delta is None:
            error = {"message": "refused by the model", "type": "invalid_request_error"}
            self.give(status, "application/json", json.dumps({"error": error}))
            return
        reason = "tool_calls" if "tool_calls" in delta else "stop"
        told = {"id": "1", "created": 0, "model": "scripted"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if not body.get("stream"):
            message = {"role": "assistant", **delta}
            choices = [{"index": 0, "message": message, "finish_reason": reason}]
            whole = {**told, "object": "chat.completion", "choices": choices, "usage": usage}
            self.give(200, "application/json", json.dumps(whole))
            return
        chunk = {**told, "object": "chat.completion.chunk"}
        choices = [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]
        ends = [{"index": 0, "delta": {}, "finish_reason": reason}]
        parts = [{**chunk, "choices": choices}, {**chunk, "choices": ends}, {**chunk, "choices": [], "usage": usage}]
        lines = "".join(f"data: {json.dumps(one)}\n\n" for one in parts)
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
goose = Path("node_modules/@aaif/goose-binary-linux-x64/bin/goose").absolute()
home = Path("home").absolute()
(home / "pier").mkdir(parents=True)
environment = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": str(home),
    "GOOSE_PROVIDER": "openai",
    "GOOSE_MODEL": "gpt-4o",
    "GOOSE_DISABLE_KEYRING": "1",
    "GOOSE_TELEMETRY_ENABLED": "false",
    "OPENAI_HOST": f"http://127.0.0.1:{server.server_address[1]}",
    "OPENAI_API_KEY": "none",
}


def said(prompt, *options):
    run = {"cwd": home / "pier", "env": environment, "stdin": subprocess.DEVNULL, "timeout": 120, "check": False}
    subprocess.run([goose, "run", "-q", *options, "-t", prompt], capture_output=True, **run)


def rows(query):
    with sqlite3.connect(home / ".local/share/goose/sessions/sessions.db") as database:
        return database.execute(query).fetchall()


def results(session):
    for (content,) in rows(f"SELECT content_json FROM messages WHERE session_id = '{session}' ORDER BY id"):
        for part in json.loads(content):
            if part["type"] == "toolResponse":
                value = part["toolResult"]["value"]
                text = value["content"][0]["text"].split(".")[0].splitlines()[0][:60]
                yield part["toolResult"]["status"], value["isError"], text


for name in ("Refused-helper", "Endless-helper"):
    said(f"begin {name}", "-n", name)
    [(session,)] = rows(f"SELECT id FROM sessions WHERE name = '{name}'")
    [(agent,)] = rows(f"SELECT id FROM sessions WHERE parent_session_id = '{session}'")
    query = f"SELECT role, content_json FROM messages WHERE session_id = '{agent}' AND metadata_json NOT LIKE '%turnContext%'"
    kinds = [(role, [part["type"] for part in json.loads(content)]) for role, content in rows(query)]
    print(name, *results(session))
    print("  its own session:", *kinds)
said("false", "-n", "failed-command")
[(session,)] = rows("SELECT id FROM sessions WHERE name = 'failed-command'")
print("failed command", [one[:2] for one in results(session)])
before = len(rows("SELECT id FROM sessions"))
said("keep nothing", "--no-session")
kept = rows("SELECT session_type FROM sessions ORDER BY created_at, rowid")[before:]
print("--no-session", kept)
os._exit(0)
PY
unshare --net --pid --fork --kill-child --mount-proc bash -c 'ip link set lo up; exec env -i PATH="$PATH" python3 -u trial.py' >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
cat >expected.txt <<'TXT'
Refused-helper ('success', False, 'Ran into this error: Request failed: Bad request (400): refu')
  its own session: ('user', ['text'])
Endless-helper ('success', False, "I've reached the maximum number of actions I can do without ")
  its own session: ('user', ['text']) ('assistant', ['toolRequest']) ('user', ['toolResponse']) ('assistant', ['toolRequest']) ('user', ['toolResponse'])
failed command [('success', True)]
--no-session [('hidden',)]
TXT
diff expected.txt seen.txt && echo "as described"
