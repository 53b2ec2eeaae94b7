#!/usr/bin/env bash
# Gemini CLI 0.61.0: `/chat resume` writes all saved messages into the session's file once more, as said just now.
#
# `/chat save NAME` keeps a talk, `/chat resume NAME` goes back to it. The file of a session has a record for going back,
# `$rewindTo`, and messages have ids. So one would guess that a resume is noted as such, or that the saved messages are
# set as the history by their ids. In fact:
#
# 1. Each saved message is appended with an id and a time of its own. Then a `$set` makes these the history.
# 2. No record says that the talk went back; what was said after the save just stays.
# 3. The first question is no longer a message by itself: the session's context stands before it, in the same one.
# 4. The saved file has no ids, no times, and not the session's name. Another session that resumes it does the same.
#
# So who reads the messages in their order finds a talk twice, and what was left as a part of it. Who leaves out
# messages that begin with the context loses the question.
set -euo pipefail
command -v npm >/dev/null || { echo "this needs npm"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@google/gemini-cli@0.61.0" >npm.log 2>&1 ||
  { cat npm.log; exit 2; }
cat >trial.py <<'PY'
import atexit
import fcntl
import json
import os
import pty
import signal
import struct
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Model(BaseHTTPRequestHandler):
    """A model that says "Noted" to everything."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        content = {"role": "model", "parts": [{"text": "Noted"}]}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        told = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}
        streamed = "stream" in self.path
        body = f"data: {json.dumps(told)}\n\n".encode() if streamed else json.dumps({"totalTokens": 1, **told}).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
model.daemon_threads = True
threading.Thread(target=model.serve_forever, daemon=True).start()
home = Path("home").absolute()
(home / ".gemini").mkdir(parents=True)
(home / "project").mkdir()
settings = {
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
    "privacy": {"usageStatisticsEnabled": False},
    "general": {"disableAutoUpdate": True},
}
(home / ".gemini/settings.json").write_text(json.dumps(settings))
environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "GEMINI_API_KEY": "none"}
environment["GOOGLE_GEMINI_BASE_URL"] = f"http://127.0.0.1:{model.server_address[1]}"
program = str(Path("node_modules/.bin/gemini").absolute())
child, terminal = pty.fork()
if child == 0:
    os.chdir(home / "project")
    os.execve(program, [program, "--yolo", "-m", "gemini-2.5-flash", "--skip-trust"], environment)
atexit.register(os.killpg, child, signal.SIGKILL)  # It has a session of its own.
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
shown = bytearray()


def watch():
    try:
        while part := os.read(terminal, 65536):
            shown.extend(part)
    except OSError:
        pass


threading.Thread(target=watch, daemon=True).start()


def until(holds):
    end = time.monotonic() + 90
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: {bytes(shown[-800:])!r}")
        time.sleep(0.2)


def steps():
    paths = [*(home / ".gemini/tmp").rglob("chats/*.jsonl")]
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def messages():
    return [one for one in steps() if one.get("type") in ("user", "gemini")]


def line(text, holds):
    os.write(terminal, text.encode())
    time.sleep(2)
    os.write(terminal, b"\r")
    until(holds)
    time.sleep(1)


until(lambda: b"Type your message" in shown)
time.sleep(2)
line("Tell one", lambda: len(messages()) == 2)
saved = home / ".gemini/tmp/project/checkpoint-kept.json"
line("/chat save kept", saved.exists)
line("Tell two", lambda: len(messages()) == 4)
line("/chat resume kept", lambda: len(messages()) == 6)
line("Tell three", lambda: len(messages()) == 8)


def texts(message):
    content = message["content"]
    parts = [content] if isinstance(content, str) else [part["text"] for part in content]
    return ["CONTEXT" if "<session_context>" in one else one for one in parts]


told = messages()
print("messages:", *(" ".join(texts(one)) for one in told), sep=" | ")
print("of ids of their own:", len({one["id"] for one in told}) == len(told))
set_again = [one["$set"]["messages"] for one in steps() if "messages" in one.get("$set", {})][-1]
print("set as the history:", [one["id"] for one in set_again] == [one["id"] for one in told[4:6]])
print("a record of going back:", any("$rewindTo" in one for one in steps()))
names = {name for one in json.loads(saved.read_text())["history"] for name in one}
print("the saved messages have:", sorted(names))
PY
cat >expected.txt <<'TXT'
messages: | Tell one | Noted | Tell two | Noted | CONTEXT Tell one | Noted | Tell three | Noted
of ids of their own: True
set as the history: True
a record of going back: False
the saved messages have: ['parts', 'role']
TXT
python3 trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
