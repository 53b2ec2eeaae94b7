#!/usr/bin/env bash
# @openai/codex 0.120.0, 0.171.0: `codex migrate-rollouts` marks all of a sub-agent's file as its caller's, deletes
# turns that were rolled back, and tells of neither.
#
# The command brings files of earlier releases into the form of today. In that form the head of a sub-agent's file may
# name `subagent_history_start_ordinal`: what stands before it was inherited from the caller. One would guess that a
# migrated file of an agent that inherited nothing has no such field, or a 0, and that a turn that was rolled back
# stays, as it stayed in the old file. In fact:
#
# 1. The field is the number of the file's records: all of them count as inherited, the task and the answer too. What
#    still tells whose a turn is, is its id: that of a turn of its own is younger than the thread's.
# 2. The records of a turn that was rolled back are gone, with the record that said so. The old file is replaced.
#
# The command says that it migrated all, and that none failed.
#
# Needs Node 20 or newer and python3.
set -euo pipefail
command -v node >/dev/null || { echo "this needs node"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for version in 0.120.0 0.171.0; do
  mkdir "$version"
  echo '{"private": true}' >"$version/package.json"
  (cd "$version" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@openai/codex@$version" >npm.log 2>&1) ||
    { cat "$version/npm.log"; exit 2; }
done
cat >trial.py <<'PY'
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}


def item(request):
    """Return what the model says next: it starts an agent when it is asked to, and waits for it."""
    asked, outputs = "", []
    for one in request["input"]:
        if one.get("role") == "user" and "<" not in one["content"][0]["text"]:
            asked, outputs = one["content"][0]["text"], []
        elif one.get("type") == "function_call_output":
            outputs.append(one["output"])
    if asked != "ask a helper" or len(outputs) > 1:
        content = [{"type": "output_text", "text": f"answer to {asked}"}]
        return {"type": "message", "id": "m", "role": "assistant", "content": content}
    call = {"type": "function_call", "id": f"f{len(outputs)}", "call_id": f"c{len(outputs)}"}
    if not outputs:
        return {**call, "name": "spawn_agent", "arguments": json.dumps({"message": "look at the pier"})}
    wanted = {"targets": [json.loads(outputs[0])["agent_id"]], "timeout_ms": 30000}
    return {**call, "name": "wait_agent", "arguments": json.dumps(wanted)}


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
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
home = Path("home").absolute()
(home / ".codex").mkdir(parents=True)
(home / ".codex/config.toml").write_text(f"""
model = "scripted"
model_provider = "local"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.local]
name = "local"
base_url = "http://127.0.0.1:{server.server_address[1]}/v1"
wire_api = "responses"
""")
run = {"cwd": home, "env": {"PATH": os.environ["PATH"], "HOME": str(home)}, "text": True}


def program(version):
    return Path(version, "node_modules/.bin/codex").absolute()


def talk(*steps):
    """Have 0.120.0 carry out steps of its app server, one after the other; return its thread."""
    words = [program("0.120.0"), "app-server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, **pipes, **run) as server:

        def call(number, method, parameters, until=None):
            server.stdin.write(json.dumps({"id": number, "method": method, "params": parameters}) + "\n")
            server.stdin.flush()
            result = None
            for line in server.stdout:
                told = json.loads(line)
                result = told.get("result", result) if told.get("id") == number else result
                if (told.get("method") == until) if until else (told.get("id") == number):
                    return result

        call(0, "initialize", {"clientInfo": {"name": "trial", "version": "1"}})
        thread = call(1, "thread/start", {"cwd": str(home)})["thread"]["id"]
        for number, step in enumerate(steps, 2):
            if isinstance(step, int):
                call(number, "thread/rollback", {"threadId": thread, "numTurns": step})
            else:
                said = {"threadId": thread, "input": [{"type": "text", "text": step}]}
                call(number, "turn/start", said, until="turn/completed")
        server.stdin.close()
    return thread


def show(when, thread):
    files = {path: path.read_text() for path in sorted((home / ".codex/sessions").rglob("*.jsonl"))}
    (own,) = [text for path, text in files.items() if thread in path.name]
    (agent,) = [text for path, text in files.items() if thread not in path.name]
    head, *rest = [json.loads(line)["payload"] for line in agent.splitlines()]
    start, number = head.get("subagent_history_start_ordinal"), len(rest) + 1
    print(f"{when}: the agent's task is there {'look at the pier' in agent},", end=" ")
    print("its turns are younger", min(one["turn_id"] for one in rest if one.get("turn_id")) > head["id"], end=", ")
    print("no start is named;" if start is None else f"its start is its end {start == number};", end=" ")
    print("what was rolled back is there", "answer to is it foggy" in own)


thread = talk("ask a helper", "is it foggy", 1, "is it clear")
show("0.120.0", thread)
told = subprocess.run([program("0.171.0"), "migrate-rollouts", "--apply"], capture_output=True, timeout=200, **run)
print([line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Scanned")])
show("0.171.0", thread)
server.shutdown()
PY
cat >expected.txt <<'TXT'
0.120.0: the agent's task is there True, its turns are younger True, no start is named; what was rolled back is there True
['Scanned 2 rollout(s): 2 migrated, 0 already paginated, 0 skipped (0 empty, 0 busy), 0 failed.']
0.171.0: the agent's task is there True, its turns are younger True, its start is its end True; what was rolled back is there False
TXT
python3 trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
