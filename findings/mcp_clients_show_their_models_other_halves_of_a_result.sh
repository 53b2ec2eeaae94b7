#!/usr/bin/env bash
# Claude Code 2.1.332, Codex 0.171.0, Gemini CLI 0.61.0, OpenCode 1.18.33: of a tool's result over MCP each one's model
# reads another half, and of an error, too.
#
# A result may have `content` for reading and `structuredContent` for programs; the specification wants the one to
# repeat the other, as JSON. One would guess that models read `content`, that an error's text reaches them, and that a
# structure which breaks the tool's own `outputSchema` is refused, as the SDKs do. In fact, of a result whose two
# halves differ:
#
# 1. Claude Code and Codex show `structuredContent` alone, and the text never. Gemini CLI and OpenCode show the text.
# 2. With `isError` Claude Code shows the text; Codex the structure, without the text and without a word that it
#    failed; Gemini CLI both; OpenCode the text.
# 3. A structure that breaks the schema is shown by Claude Code and Codex. In the other two the call fails, though it
#    had its effect, and its text is lost.
# 4. Of a resource link Codex shows its JSON, Claude Code its address and description, Gemini CLI its address, OpenCode
#    nothing.
# 5. OpenCode cancels every call (`notifications/cancelled`, "The operation was aborted") whose result it has taken. So
#    a cancellation does not say that somebody gave up.
#
# So a server that keeps a summary in `content` and the data in the structure is read in half by everybody. Say all of
# it in both, leave the structure out of errors, and put no result into a link alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@anthropic-ai/claude-code@2.1.332" \
  "@openai/codex@0.171.0" "@google/gemini-cli@0.61.0" "opencode-ai@1.18.33" >npm.log 2>&1
cat >server.py <<'PY'
import json
import sys

SCHEMA = {"type": "object", "properties": {}}
GIVES = {"type": "object", "properties": {"side": {"type": "string"}}, "required": ["side"]}


def text(words):
    return {"type": "text", "text": words}


LINK = {"type": "resource_link", "uri": "memory://one", "name": "one", "description": "the link's words"}
RESULTS = {
    "both": {"content": [text("the text")], "structuredContent": {"side": "the structure"}},
    "failed": {"content": [text("the text")], "structuredContent": {"side": "the structure"}, "isError": True},
    "broken": {"content": [text("the text")], "structuredContent": {"other": "the structure"}},
    "linked": {"content": [text("the text"), LINK]},
}
for line in sys.stdin:
    message = json.loads(line)
    method, parameters = message.get("method"), message.get("params") or {}
    with open(sys.argv[1], "a") as heard:
        print(method, file=heard)
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
        tools = [{"name": name, "description": name, "inputSchema": SCHEMA} for name in RESULTS]
        answer["result"] = {
            "tools": [tool if tool["name"] == "linked" else {**tool, "outputSchema": GIVES} for tool in tools]
        }
    elif method == "tools/call":
        answer["result"] = RESULTS[parameters["name"]]
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

STEPS = ("both", "failed", "broken", "linked")
HEARD = Path("heard").absolute()
SERVER = [sys.executable, str(Path("server.py").absolute()), str(HEARD)]
asked = []


def events(*found, named=True):
    lines = ((f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in found)
    return "".join(lines)


def parts(messages):
    return [part for one in messages if isinstance(one["content"], list) for part in one["content"]]


def messages_model(request):
    """Return the next message, as Anthropic's protocol has it."""
    used = [part["name"] for part in parts(request["messages"]) if part["type"] == "tool_use"]
    done = sum(name.startswith("mcp__") for name in used)
    if not request.get("tools") or done == len(STEPS):
        begin, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": "done"}
    else:
        name = f"mcp__probe__{STEPS[done]}"
        begin = {"type": "tool_use", "id": f"toolu_{len(used)}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": "{}"}
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "scripted", "content": [], "usage": usage}
    reason = "tool_use" if begin["type"] == "tool_use" else "end_turn"
    return events(
        {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}},
        {"type": "content_block_start", "index": 0, "content_block": begin},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )


def responses_model(request):
    """Return the next item, as OpenAI's Responses have it."""
    done = sum(one.get("type") == "function_call" for one in request["input"])
    if done == len(STEPS):
        content = [{"type": "output_text", "text": "done"}]
        item = {"type": "message", "id": "m", "role": "assistant", "content": content}
    else:
        item = {"type": "function_call", "id": f"f{done}", "call_id": f"c{done}", "arguments": "{}"}
        item |= {"name": STEPS[done], "namespace": "mcp__probe"}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return events(
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "r", "usage": usage}},
    )


def chat_model(request):
    """Return the next chunk, as OpenAI's chat completions have it."""
    done = sum(len(one.get("tool_calls") or ()) for one in request["messages"])
    delta = {"role": "assistant", "content": "done"}
    if request.get("tools") and done < len(STEPS):
        function = {"name": f"probe_{STEPS[done]}", "arguments": "{}"}
        delta = {"role": "assistant", "tool_calls": [{"index": 0, "id": f"c{done}", "type": "function", "function": function}]}
    reason = "tool_calls" if "tool_calls" in delta else "stop"
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    found = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage},
    ]
    return events(*found, named=False) + "data: [DONE]\n\n"


def gemini_model(request):
    """Return the next candidate, as Gemini's protocol has it."""
    done = sum("functionCall" in part for one in request["contents"] for part in one["parts"])
    part = {"text": "done"}
    if done < len(STEPS):
        part = {"functionCall": {"name": f"mcp_probe_{STEPS[done]}", "args": {}}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
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
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        model = next((MODELS[end] for end in MODELS if self.path.partition("?")[0].endswith(end)), None)
        if model is None:
            self.give("application/json", '{"input_tokens": 1}')
            return
        request = json.loads(body)
        asked.append(request)
        self.give("text/event-stream", model(request))

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


def told(name, words, results, files=(), **variables):
    """Run a client on a task, and print what its model saw of each result."""
    asked.clear()
    HEARD.unlink(missing_ok=True)
    home = Path("homes", name).absolute()
    for path, settings in files:
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(json.dumps(settings))
    home.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    run = {"cwd": home, "env": environment, "stdin": subprocess.DEVNULL, "capture_output": True}
    subprocess.run(words, timeout=200, check=True, **run)
    seen = [json.dumps(one) for one in results(asked[-1])]
    for step, output in zip(STEPS, seen, strict=True):
        known = {"the text": "text", "the structure": "structure", "memory://": "address", "the link's words": "words"}
        shown = [word for mark, word in known.items() if mark in output]
        error = "schema" in output.lower() and "-32602" in output
        print(f"{name}, {step}: {' and '.join(shown) or ('an error of the client' if error else output)}")
    heard = HEARD.read_text().split()
    print(f"{name}: calls {heard.count('tools/call')}, cancelled {heard.count('notifications/cancelled')}")


local = {"command": SERVER[0], "args": SERVER[1:]}
modules = Path("node_modules").absolute()
[program] = modules.glob("@anthropic-ai/claude-code-*/claude")
told(
    "Claude Code",
    [program, "-p", "go", "--mcp-config", "mcp.json", "--allowedTools", "mcp__probe"],
    lambda request: [part["content"] for part in parts(request["messages"]) if part["type"] == "tool_result"],
    [("mcp.json", {"mcpServers": {"probe": local}})],
    ANTHROPIC_BASE_URL=address,
    ANTHROPIC_API_KEY="none",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
)
settings = (
    "model=scripted",
    "model_provider=local",
    f'model_providers.local={{name="local",base_url="{address}/v1",wire_api="responses"}}',
    f"mcp_servers.probe.command={json.dumps(SERVER[0])}",
    f"mcp_servers.probe.args={json.dumps(SERVER[1:])}",
    "mcp_servers.probe.required=true",
)
options = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
told(
    "Codex",
    [modules / ".bin/codex", "exec", *options, *(f"--config={one}" for one in settings), "go"],
    lambda request: [one["output"] for one in request["input"] if one.get("type") == "function_call_output"],
)
told(
    "Gemini CLI",
    [modules / ".bin/gemini", "-p", "go", "--yolo", "-m", "gemini-2.5-flash", "--skip-trust"],
    lambda request: [
        part["functionResponse"]["response"]
        for one in request["contents"]
        for part in one["parts"]
        if "functionResponse" in part
    ],
    [
        (
            ".gemini/settings.json",
            {
                "mcpServers": {"probe": {**local, "trust": True}},
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "privacy": {"usageStatisticsEnabled": False},
            },
        )
    ],
    GEMINI_API_KEY="none",
    GOOGLE_GEMINI_BASE_URL=address,
)
machine = {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]
program = modules / f"opencode-linux-{machine}/bin/opencode"
provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{address}/v1", "apiKey": "none"}}
told(
    "OpenCode",
    [program, "run", "go"],
    lambda request: [one["content"] for one in request["messages"] if one["role"] == "tool"],
    [
        (
            "opencode.json",
            {
                "autoupdate": False,
                "model": "local/m",
                "small_model": "local/m",
                "provider": {"local": {**provider, "models": {"m": {"name": "m"}}}},
                "mcp": {"probe": {"type": "local", "command": SERVER, "enabled": True}},
            },
        )
    ],
    OPENCODE_DISABLE_MODELS_FETCH="1",
)
server.shutdown()
PY
cat >expected.txt <<'TXT'
Claude Code, both: structure
Claude Code, failed: text
Claude Code, broken: structure
Claude Code, linked: text and address and words
Claude Code: calls 4, cancelled 0
Codex, both: structure
Codex, failed: structure
Codex, broken: structure
Codex, linked: text and address and words
Codex: calls 4, cancelled 0
Gemini CLI, both: text
Gemini CLI, failed: text and structure
Gemini CLI, broken: an error of the client
Gemini CLI, linked: text and address
Gemini CLI: calls 4, cancelled 0
OpenCode, both: text
OpenCode, failed: text
OpenCode, broken: an error of the client
OpenCode, linked: text
OpenCode: calls 4, cancelled 4
TXT
python3 trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
