#!/usr/bin/env bash
# Codex 0.171.0 (beside Gemini CLI 0.61.0, OpenCode 1.18.33): of a tool over MCP its model reads another schema than the
# server gave. No limits, no defaults, a number as a text; and past 5,000 bytes nothing is said of any argument.
#
# A tool's `inputSchema` is how a server tells a model what it takes. One would guess that it reaches the model as it
# is, or is refused. Gemini CLI and OpenCode show it as it is. Codex shows, without a word to anybody:
#
# 1. No minimum, maximum, pattern, format, default, length, maxItems or uniqueItems. enum, anyOf, oneOf and minItems
#    stay. So the model learns of a limit when it has broken it.
# 2. A `const` of 5 as a text that is one of [5], and a list of numbers and words as texts. A list without `items` is
#    one of texts, and one whose places have types of their own (`prefixItems`) too.
# 3. Of an argument that takes any value (no type) not even the description.
# 4. A schema of 5,000 bytes with its descriptions; one of 5,001 without any. Counted is what is left after 1.
# 5. What is longer than that without descriptions has no `$defs` (what refers to one is any value), and what is nested
#    more deeply than two levels is any value.
# 6. A property whose schema is `true` is a text to Codex. Gemini CLI and OpenCode show none of the server's tools then.
#
# So limits belong into descriptions, and a tool's schema below 5,000 bytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --ignore-scripts --no-audit --no-fund --loglevel=error "@openai/codex@0.171.0" "@google/gemini-cli@0.61.0" \
  "opencode-ai@1.18.33" >npm.log 2>&1
cat >server.py <<'PY'
import json
import sys


def taking(**properties):
    return {"type": "object", "properties": properties}


def long_as(size, **more):
    """Return a schema of so many bytes, most of them a description."""
    schema = taking(a={"type": "string", "description": ""}, **more)
    bare = len(json.dumps(schema, separators=(",", ":")))
    schema["properties"]["a"]["description"] = "d" * (size - bare)
    return schema


def nested(depth):
    schema = {"type": "string"}
    for level in range(depth):
        schema = taking(**{f"level{depth - level}": schema})
    return schema


LIMITS = taking(
    query={"type": "string", "minLength": 3, "maxLength": 99, "pattern": "^[a-z]+$"},
    k={"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
    since={"anyOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}]},
    tags={"type": "array", "items": {"enum": ["x"]}, "minItems": 1, "maxItems": 9, "uniqueItems": True},
)
FORMS = taking(
    five={"const": 5},
    mixed={"enum": ["x", 1]},
    list={"type": "array"},
    pair={"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
    any={"description": "any value"},
)
MANY = {f"p{number}": nested(4) for number in range(80)}
DEFS = {"$defs": {"Point": taking(x={"type": "number"})}}
SCHEMAS = {
    "limits": LIMITS,
    "forms": FORMS,
    "bytes5000": long_as(5000),
    "bytes5001": long_as(5001),
    "few": {**taking(p0=nested(4), point={"$ref": "#/$defs/Point"}), **DEFS},
    "many": {**taking(**MANY, point={"$ref": "#/$defs/Point"}), **DEFS},
}
if sys.argv[1] == "true":
    SCHEMAS["open"] = taking(value=True)
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
        tools = [{"name": name, "description": name, "inputSchema": one} for name, one in SCHEMAS.items()]
        answer["result"] = {"tools": tools}
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

TOOLS = ("limits", "forms", "bytes5000", "bytes5001", "few", "many", "open")
WORDS = ("minLength", "maxLength", "pattern", "minimum", "maximum", "default", "format", "anyOf", "enum", "minItems")
WORDS += ("maxItems", "uniqueItems")
asked = []


def events(*found, named=True):
    lines = ((f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in found)
    return "".join(lines)


def responses_model():
    content = [{"type": "output_text", "text": "done"}]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return events(
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "item": {"type": "message", "id": "m", "role": "assistant", "content": content}},
        {"type": "response.completed", "response": {"id": "r", "usage": usage}},
    )


def chat_model():
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    delta = {"role": "assistant", "content": "done"}
    found = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    return events(*found, named=False) + "data: [DONE]\n\n"


def gemini_model():
    candidate = {"content": {"role": "model", "parts": [{"text": "done"}]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return events({"candidates": [candidate], "usageMetadata": usage}, named=False)


MODELS = {"/responses": responses_model, "/completions": chat_model, "Content": gemini_model}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.give("application/json", '{"models": []}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        model = next((MODELS[end] for end in MODELS if self.path.partition("?")[0].endswith(end)), None)
        if model is None:
            self.give("application/json", '{"totalTokens": 1}')
            return
        asked.append(json.loads(body))
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


def schemas(told):
    """Yield the name and schema of each tool of the server, wherever a request has them."""
    if isinstance(told, dict):
        schema = told.get("parameters") or told.get("parametersJsonSchema")
        name = str(told.get("name")).rpartition("_")[2]
        if schema and name in TOOLS:
            yield name, schema
        for value in told.values():
            yield from schemas(value)
    elif isinstance(told, list):
        for value in told:
            yield from schemas(value)


def seen(name, words, files=(), **variables):
    """Run a client, and return the schemas that its model saw."""
    asked.clear()
    home = Path("homes", name).absolute()
    home.mkdir(parents=True, exist_ok=True)
    for path, settings in files:
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(json.dumps(settings))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    run = {"cwd": home, "env": environment, "stdin": subprocess.DEVNULL, "capture_output": True}
    subprocess.run(words, timeout=300, check=True, **run)
    return dict(schemas(asked))


def kept(schema):
    text = json.dumps(schema)
    return ", ".join(word for word in WORDS if f'"{word}"' in text)


def told(name, of_all):
    """Print what a client's model knows of each tool."""
    forms = of_all["forms"]["properties"]
    print(f"{name}, limits: {kept(of_all['limits'])}")
    for form in ("five", "mixed", "list", "pair", "any"):
        print(f"{name}, {form}: {json.dumps(forms[form])}")
    for size in ("bytes5000", "bytes5001"):
        print(f"{name}, {size}: {len(of_all[size]['properties']['a'].get('description', ''))} of the description")
    for of in ("few", "many"):
        schema = of_all[of]
        print(f"{name}, {of}: $defs {'$defs' in schema}, {json.dumps(schema['properties']['point'])}")
        print(f"{name}, {of}: {json.dumps(schema['properties']['p0'])}")


SERVER = [sys.executable, str(Path("server.py").absolute())]
modules = Path("node_modules").absolute()


def codex(mode):
    settings = (
        "model=scripted",
        "model_provider=local",
        f'model_providers.local={{name="local",base_url="{address}/v1",wire_api="responses"}}',
        f"mcp_servers.probe.command={json.dumps(SERVER[0])}",
        f"mcp_servers.probe.args={json.dumps([*SERVER[1:], mode])}",
        "mcp_servers.probe.required=true",
    )
    options = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    words = [modules / ".bin/codex", "exec", *options, *(f"--config={one}" for one in settings), "go"]
    return seen("Codex", words)


def gemini(mode):
    local = {"command": SERVER[0], "args": [*SERVER[1:], mode], "trust": True}
    settings = {
        "mcpServers": {"probe": local},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
    }
    words = [modules / ".bin/gemini", "-p", "go", "--yolo", "-m", "gemini-2.5-flash", "--skip-trust"]
    files = [(".gemini/settings.json", settings)]
    return seen("Gemini CLI", words, files, GEMINI_API_KEY="none", GOOGLE_GEMINI_BASE_URL=address)


def opencode(mode):
    machine = {"x86_64": "x64", "aarch64": "arm64"}[os.uname().machine]
    provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{address}/v1", "apiKey": "none"}}
    settings = {
        "autoupdate": False,
        "model": "local/m",
        "small_model": "local/m",
        "provider": {"local": {**provider, "models": {"m": {"name": "m"}}}},
        "mcp": {"probe": {"type": "local", "command": [*SERVER, mode], "enabled": True}},
    }
    words = [modules / f"opencode-linux-{machine}/bin/opencode", "run", "go"]
    return seen("OpenCode", words, [("opencode.json", settings)], OPENCODE_DISABLE_MODELS_FETCH="1")


for name, client in {"Codex": codex, "Gemini CLI": gemini, "OpenCode": opencode}.items():
    told(name, client("plain"))
    found = client("true")
    value = json.dumps(found["open"]["properties"]["value"]) if "open" in found else "not shown"
    print(f"{name}, with a schema that is true: {len(found)} tools, it is {value}")
server.shutdown()
PY
cat >expected.txt <<'TXT'
Codex, limits: anyOf, enum, minItems
Codex, five: {"type": "string", "enum": [5]}
Codex, mixed: {"type": "string", "enum": ["x", 1]}
Codex, list: {"type": "array", "items": {"type": "string"}}
Codex, pair: {"type": "array", "items": {"type": "string"}}
Codex, any: {}
Codex, bytes5000: 4929 of the description
Codex, bytes5001: 0 of the description
Codex, few: $defs True, {"$ref": "#/$defs/Point"}
Codex, few: {"type": "object", "properties": {"level1": {"type": "object", "properties": {"level2": {"type": "object", "properties": {"level3": {"type": "object", "properties": {"level4": {"type": "string"}}}}}}}}}
Codex, many: $defs False, {}
Codex, many: {"type": "object", "properties": {"level1": {"type": "object", "properties": {"level2": {}}}}}
Codex, with a schema that is true: 7 tools, it is {"type": "string"}
Gemini CLI, limits: minLength, maxLength, pattern, minimum, maximum, default, format, anyOf, enum, minItems, maxItems, uniqueItems
Gemini CLI, five: {"const": 5}
Gemini CLI, mixed: {"enum": ["x", 1]}
Gemini CLI, list: {"type": "array"}
Gemini CLI, pair: {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}
Gemini CLI, any: {"description": "any value"}
Gemini CLI, bytes5000: 4929 of the description
Gemini CLI, bytes5001: 4930 of the description
Gemini CLI, few: $defs True, {"$ref": "#/$defs/Point"}
Gemini CLI, few: {"type": "object", "properties": {"level1": {"type": "object", "properties": {"level2": {"type": "object", "properties": {"level3": {"type": "object", "properties": {"level4": {"type": "string"}}}}}}}}}
Gemini CLI, many: $defs True, {"$ref": "#/$defs/Point"}
Gemini CLI, many: {"type": "object", "properties": {"level1": {"type": "object", "properties": {"level2": {"type": "object", "properties": {"level3": {"type": "object", "properties": {"level4": {"type": "string"}}}}}}}}}
Gemini CLI, with a schema that is true: 0 tools, it is not shown
OpenCode, limits: minLength, maxLength, pattern, minimum, maximum, default, format, anyOf, enum, minItems, maxItems, uniqueItems
OpenCode, five: {"const": 5}
OpenCode, mixed: {"enum": ["x", 1]}
OpenCode, list: {"type": "array"}
OpenCode, pair: {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}
OpenCode, any: {"description": "any value"}
OpenCode, bytes5000: 4929 of the description
OpenCode, bytes5001: 4930 of the description
OpenCode, few: $defs True, {"$ref": "#/$defs/Point"}
OpenCode, few: {"type": "object", "properties": {"level1": {"type": "object", "properties": {"level2": {"type": "object", "properties": {"level3": {"type": "object", "properties": {"level4": {"type": "string"}}}}}}}}}
OpenCode, many: $defs True, {"$ref": "#/$defs/Point"}
OpenCode, many: {"type": "object", "properties": {"level1": {"type": "object", "properties": {"level2": {"type": "object", "properties": {"level3": {"type": "object", "properties": {"level4": {"type": "string"}}}}}}}}}
OpenCode, with a schema that is true: 0 tools, it is not shown
TXT
python3 trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
