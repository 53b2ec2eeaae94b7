#!/usr/bin/env bash
# Claude Code 2.1.332, Codex 0.171.0, Gemini CLI 0.61.0, OpenCode 1.18.33: of an answer that broke off the session's file
# holds nothing, the half as an answer of its own, or the half with a mark, where the usual field is null.
#
# A gateway that restarts ends a model's stream between two events, and a person stops an answer by Ctrl-C. All four tools
# ask again after the first. One would guess that only the answer that came in the end is kept, and that an answer which
# was stopped is kept by no tool or has a reason of its own. In fact, of "The buoy is safe at the pier, or so they said;
# it sank.", of which the first half came at first:
#
# 1. Claude Code and Codex ask again, and show and keep the whole answer once.
# 2. Gemini CLI prints the half and then the whole, as if both had been said; its file has the whole.
# 3. OpenCode takes the half for a step of its work, and asks for the next one with the half in the history. Two messages
#    are in its database, of which the first has `"finish": "unknown"`.
# 4. Claude Code that is stopped by SIGINT while the answer comes keeps the half as a message. Its `stop_reason` is null,
#    and `"isAbortedMidStream": true` is all that tells. A run that goes on (`--continue`) sends the half to its model as
#    what it said.
#
# So who reads answers from these files asks for the mark and the reason: the half may say the opposite of the whole.
#
# Needs Node 20 or newer.
set -euo pipefail
command -v node >/dev/null || { echo "this needs node"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@anthropic-ai/claude-code@2.1.332" \
  "@openai/codex@0.171.0" "@google/gemini-cli@0.61.0" "opencode-ai@1.18.33" >npm.log 2>&1 || { cat npm.log; exit 2; }
cat >trial.py <<'PY'
import json
import os
import signal
import sqlite3
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TASK, MORE = "where-is-the-buoy?", "and-is-it-safe?"
HALF, REST = "The buoy is safe at the pier, ", "or so they said; it sank."
asked = []
held = threading.Event()
released = threading.Event()


def events(*found, named=True):
    lines = ((f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in found)
    return "".join(lines)


def messages_model():
    """Return a message as Anthropic's protocol has it: its first half, and the rest."""
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "scripted", "content": [], "usage": usage}
    text = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in (HALF, REST)]
    first = events(
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        text[0],
    )
    return first, events(
        text[1],
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )


def responses_model():
    """Return an item as OpenAI's Responses have it."""
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    item = {"type": "message", "id": "m", "role": "assistant", "content": []}
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    whole = {**item, "content": [{"type": "output_text", "text": HALF + REST}]}
    first = events(
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", **place, "delta": HALF},
    )
    return first, events(
        {"type": "response.output_item.done", "item": whole},
        {"type": "response.completed", "response": {"id": "r", "usage": usage}},
    )


def chat_model():
    """Return chunks as OpenAI's chat completions have them."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    def said(delta, reason=None, **more):
        return {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}

    first = events(said({"role": "assistant", "content": HALF}), named=False)
    return first, events(said({"content": REST}), said({}, "stop", usage=usage), named=False) + "data: [DONE]\n\n"


def gemini_model():
    """Return candidates as Gemini's protocol has them."""
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}

    def said(text, **more):
        content = {"role": "model", "parts": [{"text": text}]}
        return events({"candidates": [{"content": content, "index": 0, **more}], "usageMetadata": usage}, named=False)

    return said(HALF), said(REST, finishReason="STOP")


MODELS = {"/messages": messages_model, "/responses": responses_model, "/completions": chat_model, "Content": gemini_model}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.give("application/json", "")

    def do_GET(self):
        self.give("application/json", '{"models": []}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        model = next((MODELS[end] for end in MODELS if self.path.partition("?")[0].endswith(end)), None)
        if model is None:
            self.give("application/json", '{"input_tokens": 1}')
            return
        first, rest = model()
        # OpenCode asks for a title, too, without tools.
        if TASK not in body or '"tools"' not in body:
            self.give("text/event-stream", first + rest)
            return
        asked.append(body)
        if held.is_set():
            self.hold(first)
        else:
            self.give("text/event-stream", first if len(asked) == 1 else first + rest)

    def give(self, media, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hold(self, text):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())
        self.wfile.flush()
        released.wait()
        self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}"


def parts_of(text):
    return text.replace(HALF.strip(), "half").replace(REST, "rest").replace(" ", "").split()


def records(home, below):
    lines = [line for path in sorted((home / below).rglob("*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def of_claude(home):
    """Return what Claude Code's file holds of answers, with what it says of their end."""
    found = [one for one in records(home, ".claude/projects") if one["type"] == "assistant"]
    return [
        (one["message"]["content"][0]["text"], one["message"]["stop_reason"], one.get("isAbortedMidStream", False))
        for one in found
    ]


def of_codex(home):
    found = [one["payload"] for one in records(home, ".codex/sessions") if one["type"] == "response_item"]
    return [(one["content"][0]["text"],) for one in found if one.get("role") == "assistant"]


def of_gemini(home):
    found = {one["id"]: one for one in records(home, ".gemini/tmp") if one.get("type") == "gemini"}
    return [(one["content"],) for one in found.values()]


def of_opencode(home):
    with sqlite3.connect(home / ".local/share/opencode/opencode.db") as database:
        texts = "SELECT m.data, p.data FROM part p JOIN message m ON m.id = p.message_id ORDER BY p.id"
        found = [(json.loads(message), json.loads(part)) for message, part in database.execute(texts)]
    said = [(message, part) for message, part in found if message["role"] == "assistant" and part["type"] == "text"]
    return [(part["text"], message.get("finish")) for message, part in said]


def shown(found):
    return [tuple(["".join(parts_of(text)).replace("halfrest", "half+rest"), *more]) for text, *more in found]


def prepared(name, files, variables):
    home = Path("homes", name.replace(" ", "")).absolute()
    home.mkdir(parents=True)
    for path, settings in files:
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(json.dumps(settings))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    return home, {"cwd": home, "env": environment, "stdin": subprocess.DEVNULL, "text": True}


def told(name, words, kept, files=(), **variables):
    """Run a tool whose first answer ends early; print what was asked, printed and kept."""
    asked.clear()
    home, run = prepared(name, files, variables)
    found = subprocess.run([*words, TASK], timeout=300, check=True, capture_output=True, **run)
    printed = "".join(parts_of(found.stdout)).replace("halfrest", "half+rest ").replace("halfhalf", "half half").strip()
    print(f"{name}: asked {len(asked)} times, half in the history {HALF.strip() in asked[-1]}", flush=True)
    print(f"  printed {printed}; kept {shown(kept(home))}", flush=True)


modules = Path("node_modules").absolute()
[claude] = modules.glob("@anthropic-ai/claude-code-*/claude")
of_anthropic = {
    "ANTHROPIC_BASE_URL": address,
    "ANTHROPIC_API_KEY": "none",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
told("Claude Code", [claude, "-p"], of_claude, **of_anthropic)
settings = (
    "model=scripted",
    "model_provider=local",
    f'model_providers.local={{name="local",base_url="{address}/v1",wire_api="responses"}}',
)
options = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
told("Codex", [modules / ".bin/codex", "exec", *options, *(f"--config={one}" for one in settings)], of_codex)
told(
    "Gemini CLI",
    [modules / ".bin/gemini", "--yolo", "-m", "gemini-2.5-flash", "--skip-trust", "-p"],
    of_gemini,
    [
        (
            ".gemini/settings.json",
            {"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}},
        )
    ],
    GEMINI_API_KEY="none",
    GOOGLE_GEMINI_BASE_URL=address,
)
machine = {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]
provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{address}/v1", "apiKey": "none"}}
told(
    "OpenCode",
    [modules / f"opencode-linux-{machine}/bin/opencode", "run"],
    of_opencode,
    [
        (
            "opencode.json",
            {
                "autoupdate": False,
                "model": "local/m",
                "small_model": "local/m",
                "provider": {"local": {**provider, "models": {"m": {"name": "m"}}}},
            },
        )
    ],
    OPENCODE_DISABLE_MODELS_FETCH="1",
)

asked.clear()
held.set()
home, run = prepared("Claude Code, stopped", [], of_anthropic)
streaming = ("--output-format", "stream-json", "--include-partial-messages", "--verbose")
process = subprocess.Popen([claude, "-p", *streaming, TASK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **run)
for line in process.stdout:
    if HALF.strip() in line:
        process.send_signal(signal.SIGINT)
        break
process.communicate(timeout=120)
held.clear()
released.set()
print(f"Claude Code, stopped: kept {shown(of_claude(home))}", flush=True)
asked[:] = ["stopped"]
subprocess.run([claude, "-p", "--continue", MORE], timeout=300, check=True, capture_output=True, **run)
said = [one["content"] for one in json.loads(asked[-1])["messages"] if one["role"] == "assistant"]
print("  its model reads in the next run:", "half" if HALF.strip() in json.dumps(said) else said, flush=True)
server.shutdown()
PY
cat >expected.txt <<'TXT'
Claude Code: asked 2 times, half in the history False
  printed half+rest; kept [('half+rest', 'end_turn', False)]
Codex: asked 2 times, half in the history False
  printed half+rest; kept [('half+rest',)]
Gemini CLI: asked 2 times, half in the history False
  printed half half+rest; kept [('half+rest',)]
OpenCode: asked 2 times, half in the history True
  printed half half+rest; kept [('half', 'unknown'), ('half+rest', 'stop')]
Claude Code, stopped: kept [('half', None, True)]
  its model reads in the next run: half
TXT
python3 trial.py >seen.txt || { cat seen.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
