#!/usr/bin/env bash
# opencode-ai 1.1.11, 1.2.1, 1.18.33: who goes from 1.1.11 to 1.18.33 without a stop at 1.2.1 has no sessions any more.
#
# OpenCode 1.1 kept sessions in JSON files, a file for each message and each part. Since 1.2 they are in a database.
# One would guess that each release since then takes over what it finds, or says that it cannot. In fact:
#
# 1. 1.2.1 takes over all sessions at its first start, with the ids they had. It leaves the files where they are, and
#    writes to the database only: what is said later is in one of the two places.
# 2. 1.18.33, started over the same files, makes an empty database, and says nothing of them. The session is not found.
#    The files stay.
# 3. A start of 1.2.1 after that does not bring the session back.
#
# So a reader of sessions looks for the files beside the database, and takes from them only what the database has not.
#
# Needs Node 20 or newer and python3.
set -euo pipefail
command -v node >/dev/null || { echo "this needs node"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for version in 1.1.11 1.2.1 1.18.33; do
  mkdir "$version"
  echo '{"private": true}' >"$version/package.json"
  (cd "$version" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error "opencode-ai@$version" >npm.log 2>&1) ||
    { cat "$version/npm.log"; exit 2; }
done
cat >trial.py <<'PY'
import json
import os
import shutil
import sqlite3
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", "0")))
        said = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Dry."}, "finish_reason": None}]}
        over = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
        lines = (f"data: {json.dumps({**CHUNK, **one})}\n\n" for one in (said, over))
        body = ("".join(lines) + "data: [DONE]\n\n").encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}/v1"
machine = {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]
provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": address, "apiKey": "none"}}
settings = {
    "autoupdate": False,
    "share": "disabled",
    "model": "local/m",
    "small_model": "local/m",
    "provider": {"local": {**provider, "models": {"m": {"name": "m"}}}},
}


def run(version, home, *words):
    """Run a release in a home; return whether its model answered, and all that it printed."""
    (home / "opencode.json").write_text(json.dumps(settings))
    program = Path(version, "node_modules", f"opencode-linux-{machine}", "bin", "opencode").absolute()
    switches = {f"OPENCODE_DISABLE_{name}": "1" for name in ("AUTOUPDATE", "MODELS_FETCH", "DEFAULT_PLUGINS")}
    found = subprocess.run(
        [program, "run", "--format", "json", *words],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **switches},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
    )
    return "Dry." in found.stdout, found.stdout + found.stderr


def state(home):
    data = home / ".local/share/opencode"
    files = [path.stem for path in data.glob("storage/session/*/ses_*.json")]
    held = f"sessions in files {len(files)}, messages {len([*data.glob('storage/message/ses_*/msg_*.json')])}"
    if not (data / "opencode.db").exists():
        return f"{held}; no database"
    with sqlite3.connect(data / "opencode.db") as database:
        rows = [row[0] for row in database.execute("SELECT id FROM session")]
        ((messages,),) = database.execute("SELECT count(*) FROM message WHERE session_id = ?", rows[:1])
    return f"{held}; in the database {len(rows)}, messages {messages}, of the files {len({*rows} & {*files})}"


first = Path("first").absolute()
first.mkdir()
run("1.1.11", first, "is the pier dry?")
print("1.1.11:", state(first))
(session,) = [path.stem for path in (first / ".local/share/opencode").glob("storage/session/*/ses_*.json")]
homes = {name: Path(name).absolute() for name in ("by-step", "at-once")}
for home in homes.values():
    shutil.copytree(first, home)
goes_on, _ = run("1.2.1", homes["by-step"], "--session", session, "and now?")
print(f"1.2.1 goes on with it {goes_on}:", state(homes["by-step"]))
_, told = run("1.18.33", homes["at-once"], "is the pier wet?")
print("1.18.33 speaks of it:", any(word in told for word in (session, "migrat", "storage")))
for version in ("1.18.33", "1.2.1"):
    goes_on, _ = run(version, homes["at-once"], "--session", session, "and now?")
    print(f"{version} instead goes on with it {goes_on}:", state(homes["at-once"]))
server.shutdown()
PY
cat >expected.txt <<'TXT'
1.1.11: sessions in files 1, messages 2; no database
1.2.1 goes on with it True: sessions in files 1, messages 2; in the database 1, messages 4, of the files 1
1.18.33 speaks of it: False
1.18.33 instead goes on with it False: sessions in files 1, messages 2; in the database 1, messages 2, of the files 0
1.2.1 instead goes on with it False: sessions in files 1, messages 2; in the database 1, messages 2, of the files 0
TXT
python3 trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
