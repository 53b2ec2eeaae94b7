#!/usr/bin/env bash
# mcp 2.3.0 (Python SDK): a stdio server gives up the calls that are at work when its input ends.
#
# A script that writes its requests to a server and closes the pipe, as `printf ... | server` does, expects a result
# for each: the end of the input says that no more requests come, as it does for `sort` or a shell. Tools that answer
# at once behave so, and a first trial looks right. In fact, for a tool that takes two seconds, called just before the
# input ends, the server does not wait: it cancels the tool and answers with the error -32000, "Connection closed",
# though the connection for its answer stands, and ends with code 0. Both revisions of the protocol behave alike. With
# the input kept open the same call gets its result.
#
# So slow calls of a script fail, and what the tool had done by then stays done. Who pipes requests in has to keep the
# pipe open until the answers have come, or the server has to hold the end of its input back while calls are at work.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "mcp==2.3.0"
cd "$work"
cat >server.py <<'PY'
import asyncio

from mcp.server.mcpserver import MCPServer

server = MCPServer("trial")


@server.tool()
async def later() -> str:
    await asyncio.sleep(2)
    return "slow"


server.run("stdio")
PY
cat >trial.py <<'PY'
import json
import subprocess
import sys

INFO = {"name": "trial", "version": "1"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
}
OLD = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": INFO}
CALL = {"name": "later", "arguments": {}}
REVISIONS = {
    "2025-11-25": (("initialize", OLD), ("tools/call", CALL)),
    "2026-07-28": (("server/discover", {"_meta": META}), ("tools/call", {**CALL, "_meta": META})),
}


def asked(revision, *, stays_open):
    """Return the outcome of a call, and the server's exit code."""
    process = subprocess.Popen(
        [sys.executable, "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )

    def send(**message):
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        process.stdin.flush()

    (opening, first), (method, call) = REVISIONS[revision]
    send(id=1, method=opening, params=first)
    assert json.loads(process.stdout.readline())["id"] == 1
    if opening == "initialize":
        send(method="notifications/initialized")
    send(id=2, method=method, params=call)
    answer = process.stdout.readline() if stays_open else None
    process.stdin.close()
    answer = json.loads(answer or process.stdout.readline())
    found = answer.get("error") or answer["result"]["content"][0]["text"]
    return found, process.wait()


for name in REVISIONS:
    print(name, "input stays open:", *asked(name, stays_open=True))
    print(name, "input ends:", *asked(name, stays_open=False))
PY
cat >expected.txt <<'TXT'
2025-11-25 input stays open: slow 0
2025-11-25 input ends: {'code': -32000, 'message': 'Connection closed'} 0
2026-07-28 input stays open: slow 0
2026-07-28 input ends: {'code': -32000, 'message': 'Connection closed'} 0
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
