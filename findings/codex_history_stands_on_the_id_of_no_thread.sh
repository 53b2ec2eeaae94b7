#!/usr/bin/env bash
# Codex 0.171.0: a thread that goes on after turns were taken back stands on a file, and the `thread_id` in its
# `history_base` is then the id of no thread. One that went back to its beginning names nothing at all.
#
# `thread/revert` takes back a turn and what follows it. The file stays, and the thread goes on in another one, whose
# first line has the thread's `id` and a `history_base` {thread_id, end_ordinal_exclusive, …}: what it stands on. One
# would guess that `thread_id` there is the id of a thread, as the name says: its own, or for a fork its origin's, and
# that each later file of a thread has a `history_base`. In fact:
#
# 1. After the first time it is the thread's own id. After the second time it is the second part of the second file's
#    name, which stands nowhere else, and is no thread's.
# 2. A fork of such a thread has that id, too, beside `forked_from_id` with the thread's.
# 3. Where all turns were taken back, the thread's next file has no `history_base`. Its head is that of a thread that
#    just began, but that the id is an old one.
#
# So who looks the id up among threads finds none, and takes what was taken back for talk that stands, or a fork for one
# of nothing. The ids of files are in their names.
set -euo pipefail
command -v npm >/dev/null || { echo "this needs npm"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@openai/codex@0.171.0" >npm.log 2>&1 ||
  { cat npm.log; exit 2; }
cat >trial.py <<'PY'
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """A model that answers "Noted" to everything."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.give("application/json", b'{"models": []}')

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        content = [{"type": "output_text", "text": "Noted"}]
        said = {"type": "message", "id": "m", "role": "assistant", "content": content}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        events = (
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.done", "item": said},
            {"type": "response.completed", "response": {"id": "r", "usage": usage}},
        )
        lines = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
        self.give("text/event-stream", "".join(lines).encode())

    def give(self, media, body):
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


model = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
model.daemon_threads = True
threading.Thread(target=model.serve_forever, daemon=True).start()
home = Path("home").absolute()
(home / ".codex").mkdir(parents=True)
(home / ".codex/config.toml").write_text(f"""
model = "scripted"
model_provider = "local"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.local]
name = "local"
base_url = "http://127.0.0.1:{model.server_address[1]}/v1"
wire_api = "responses"
""")
run = {"cwd": home, "env": {"PATH": os.environ["PATH"], "HOME": str(home)}, "text": True}
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
program = Path("node_modules/.bin/codex").absolute()
numbers = iter(range(1000))


def call(server, method, parameters, until=None):
    number, result = next(numbers), None
    server.stdin.write(json.dumps({"id": number, "method": method, "params": parameters}) + "\n")
    server.stdin.flush()
    for line in server.stdout:
        told = json.loads(line)
        if told.get("id") == number and "error" in told:
            raise SystemExit(f"{method}: {told['error']}")
        result = told.get("result", result) if told.get("id") == number else result
        if told.get("method") == until if until else told.get("id") == number:
            return result


def heads():
    """Return the first record of each file by the file's name."""
    paths = (home / ".codex/sessions").rglob("*.jsonl")
    return {path.stem: json.loads(path.open().readline())["payload"] for path in paths}


with subprocess.Popen([program, "app-server"], **pipes, **run) as server:
    call(server, "initialize", {"clientInfo": {"name": "trial", "version": "1"}})
    thread = call(server, "thread/start", {"cwd": str(home)})["thread"]["id"]
    known, turns = set(), {}

    def say(text, to=thread):
        """Have a turn; note the file that is there since the one before."""
        said = {"threadId": to, "input": [{"type": "text", "text": text}]}
        turns[text] = call(server, "turn/start", said, until="turn/completed")["turn"]["id"]
        (new,) = heads().keys() - known or [None]
        known.update(heads())
        return new

    def back(text):
        call(server, "thread/revert", {"threadId": thread, "beforeTurnId": turns[text]})

    first = say("one")
    say("two")
    back("two")
    second = say("three")
    say("four")
    back("four")
    third = say("five")
    fork_thread = call(server, "thread/fork", {"threadId": thread})["thread"]["id"]
    fork = say("six", to=fork_thread)
    back("one")
    last = say("seven")
    server.stdin.close()

told = heads()


def base(name):
    return (told[name].get("history_base") or {}).get("thread_id")


def own_id(name):
    return name.rpartition(f"{thread}_")[2]


print("the first file ends with the thread's id:", first.endswith(thread))
print("the later ones with it and an id of their own:", all(f"{thread}_" in one for one in (second, third, last)))
print("their heads have the thread's id:", {told[one]["id"] == thread for one in (first, second, third, last)})
print("the second stands on the thread:", base(second) == thread)
print("the third stands on the second file's own id:", base(third) == own_id(second))
print("which is a thread's:", own_id(second) in {one["id"] for one in told.values()})
print("the fork is of the thread:", told[fork]["forked_from_id"] == thread, end=", ")
print("and stands on the third file's own id:", base(fork) == own_id(third))
print("the one after all turns were taken back stands on", base(last), end=", ")
print("is a fork of", told[last].get("forked_from_id"))
model.shutdown()
PY
cat >expected.txt <<'TXT'
the first file ends with the thread's id: True
the later ones with it and an id of their own: True
their heads have the thread's id: {True}
the second stands on the thread: True
the third stands on the second file's own id: True
which is a thread's: False
the fork is of the thread: True, and stands on the third file's own id: True
the one after all turns were taken back stands on None, is a fork of None
TXT
python3 trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
