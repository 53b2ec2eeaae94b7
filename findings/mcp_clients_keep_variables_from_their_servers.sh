#!/usr/bin/env bash
# Claude Code 2.1.332, Codex 0.171.0, Gemini CLI 0.61.0, OpenCode 1.18.33: of the environment that a client was started
# in, its MCP servers get all, a dozen variables, all but what looks like a secret, or all but what begins with OTEL_.
#
# A server on stdin and stdout is a child of its client. One would guess that it has the client's environment, as children
# do, and adds what its entry in the settings names: so `export NEO4J_URI=... NEO4J_PASSWORD=...` before the client is
# enough. In fact:
#
# 1. Codex gives HOME, PATH, LANG, LC_ALL, SHELL, TERM, TMPDIR, TZ, USER and the like, and addresses of certificates.
#    Nothing else: a server that keeps its data where a variable says opens another folder, and reports no error. What
#    `env_vars` names in its entry comes through; one that is not set is left out.
# 2. Gemini CLI takes out what looks like a secret by its name (KEY, TOKEN, PASSWORD), and DATABASE_URL and SSL_CERT_FILE.
#    So a server has the address of a database and not its password. `"env": {"NAME": "$NAME"}` brings one back. One that
#    is not set is then there, and empty.
# 3. Claude Code takes out what begins with OTEL_, and adds the id of its session. OpenCode gives everything.
# 4. The working folder is that of the client, in all four.
#
# So a server's settings belong into its entry, or their names do. Anabranch's `mcp install` writes the names of its own
# variables that are set, in the form of these two clients.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@anthropic-ai/claude-code@2.1.332" \
  "@openai/codex@0.171.0" "@google/gemini-cli@0.61.0" "opencode-ai@1.18.33" >npm.log 2>&1
cat >server.py <<'PY'
import json
import os
import sys

with open(sys.argv[1], "w") as started:
    json.dump({"folder": os.getcwd(), "variables": dict(os.environ)}, started)
for line in sys.stdin:
    message = json.loads(line)
    method, parameters = message.get("method"), message.get("params") or {}
    if "id" not in message or method is None:
        continue
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    if method == "initialize":
        answer["result"] = {
            "protocolVersion": parameters["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "probe", "version": "1"},
        }
    elif method == "tools/list":
        answer["result"] = {"tools": [{"name": "one", "description": "one", "inputSchema": {"type": "object"}}]}
    elif method != "ping":
        del answer["result"]
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
PY
cat >trial.py <<'PY'
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STARTED = Path("started").absolute()
SERVER = [sys.executable, str(Path("server.py").absolute()), str(STARTED)]
GIVEN = ("MEMORY_HOME", "NEO4J_URI", "NEO4J_PASSWORD", "MEMORY_KEY", "MEMORY_TOKEN", "DATABASE_URL", "SSL_CERT_FILE")
GIVEN += ("XDG_CONFIG_HOME", "OTEL_SERVICE_NAME", "LANG", "TMPDIR")
NAMED = ("MEMORY_HOME", "NEO4J_PASSWORD", "NOT_SET")


def events(*found, named=True):
    lines = ((f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in found)
    return "".join(lines)


def messages_model():
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "scripted", "content": [], "usage": usage}
    return events(
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "done"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )


def responses_model():
    content = [{"type": "output_text", "text": "done"}]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return events(
        {"type": "response.created", "response": {"id": "r"}},
        {
            "type": "response.output_item.done",
            "item": {"type": "message", "id": "m", "role": "assistant", "content": content},
        },
        {"type": "response.completed", "response": {"id": "r", "usage": usage}},
    )


def chat_model():
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    delta = {"role": "assistant", "content": "done"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    found = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    return events(*found, named=False) + "data: [DONE]\n\n"


def gemini_model():
    candidate = {"content": {"role": "model", "parts": [{"text": "done"}]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return events({"candidates": [candidate], "usageMetadata": usage}, named=False)


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
        self.rfile.read(int(self.headers.get("content-length", "0")))
        model = next((MODELS[end] for end in MODELS if self.path.partition("?")[0].endswith(end)), None)
        if model is None:
            self.give("application/json", '{"input_tokens": 1}')
            return
        for _ in range(600):  # The client is to be there until its server is.
            if STARTED.exists():
                break
            time.sleep(0.1)
        self.give("text/event-stream", model())

    def give(self, media, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}"


def told(name, words, files=(), **variables):
    """Run a client in an environment, and print what its server has of it."""
    STARTED.unlink(missing_ok=True)
    home = Path("homes", name).absolute()
    folder = home / "project"
    folder.mkdir(parents=True)
    for path, settings in files:
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(json.dumps(settings))
    given = {**dict.fromkeys(GIVEN, str(home)), "LANG": "C.UTF-8"}
    environment = {**given, "PATH": os.environ["PATH"], "HOME": str(home), **variables}
    run = {"cwd": folder, "env": environment, "stdin": subprocess.DEVNULL, "capture_output": True}
    subprocess.run(words, timeout=200, check=True, **run)
    had = json.loads(STARTED.read_text())
    there = had["variables"]
    lacking = [one for one in GIVEN if there.get(one) != given[one]]
    print(f"{name}, lacking: {' '.join(lacking) or '-'}; the client's folder: {had['folder'] == str(folder)}")
    return there


def named(name, there):
    kept = {one: "not there" if one not in there else "there" if there[one] else "empty" for one in NAMED}
    print(f"{name}, named in its entry:", ", ".join(f"{one} {how}" for one, how in kept.items()))


local = {"command": SERVER[0], "args": SERVER[1:]}
modules = Path("node_modules").absolute()
[program] = modules.glob("@anthropic-ai/claude-code-*/claude")
there = told(
    "Claude Code",
    [program, "-p", "go", "--mcp-config", "../mcp.json"],
    [("mcp.json", {"mcpServers": {"probe": local}})],
    ANTHROPIC_BASE_URL=address,
    ANTHROPIC_API_KEY="none",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
)
print("Claude Code, its session is named:", "CLAUDE_CODE_SESSION_ID" in there)
settings = (
    "model=scripted",
    "model_provider=local",
    f'model_providers.local={{name="local",base_url="{address}/v1",wire_api="responses"}}',
    f"mcp_servers.probe.command={json.dumps(SERVER[0])}",
    f"mcp_servers.probe.args={json.dumps(SERVER[1:])}",
    "mcp_servers.probe.required=true",
)
options = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
start = [modules / ".bin/codex", "exec", *options, *(f"--config={one}" for one in settings)]
told("Codex", [*start, "go"])
named("Codex", told("Codex once more", [*start, f"--config=mcp_servers.probe.env_vars={json.dumps(NAMED)}", "go"]))


def gemini(**more):
    return {
        "mcpServers": {"probe": {**local, "trust": True, **more}},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
    }


start = [modules / ".bin/gemini", "-p", "go", "--yolo", "-m", "gemini-2.5-flash", "--skip-trust"]
model = {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": address}
told("Gemini CLI", start, [(".gemini/settings.json", gemini())], **model)
with_names = gemini(env={one: f"${one}" for one in NAMED})
named("Gemini CLI", told("Gemini CLI once more", start, [(".gemini/settings.json", with_names)], **model))
machine = {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]
program = modules / f"opencode-linux-{machine}/bin/opencode"
provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{address}/v1", "apiKey": "none"}}
configuration = {
    "autoupdate": False,
    "model": "local/m",
    "small_model": "local/m",
    "provider": {"local": {**provider, "models": {"m": {"name": "m"}}}},
    "mcp": {"probe": {"type": "local", "command": SERVER, "enabled": True}},
}
told("OpenCode", [program, "run", "go"], [("project/opencode.json", configuration)], OPENCODE_DISABLE_MODELS_FETCH="1")
server.shutdown()
PY
cat >expected.txt <<'TXT'
Claude Code, lacking: OTEL_SERVICE_NAME; the client's folder: True
Claude Code, its session is named: True
Codex, lacking: MEMORY_HOME NEO4J_URI NEO4J_PASSWORD MEMORY_KEY MEMORY_TOKEN DATABASE_URL XDG_CONFIG_HOME OTEL_SERVICE_NAME; the client's folder: True
Codex once more, lacking: NEO4J_URI MEMORY_KEY MEMORY_TOKEN DATABASE_URL XDG_CONFIG_HOME OTEL_SERVICE_NAME; the client's folder: True
Codex, named in its entry: MEMORY_HOME there, NEO4J_PASSWORD there, NOT_SET not there
Gemini CLI, lacking: NEO4J_PASSWORD MEMORY_KEY MEMORY_TOKEN DATABASE_URL SSL_CERT_FILE; the client's folder: True
Gemini CLI once more, lacking: MEMORY_KEY MEMORY_TOKEN DATABASE_URL SSL_CERT_FILE; the client's folder: True
Gemini CLI, named in its entry: MEMORY_HOME there, NEO4J_PASSWORD there, NOT_SET empty
OpenCode, lacking: -; the client's folder: True
TXT
python3 trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
