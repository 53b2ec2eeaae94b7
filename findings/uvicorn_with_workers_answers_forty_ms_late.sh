#!/usr/bin/env bash
# uvicorn 0.54.0 on CPython 3.11: with --workers 2 each answer on a kept connection comes some 40 ms late.
#
# asyncio switches off Nagle's algorithm (TCP_NODELAY) on every connection: so one reads, and so it is with one
# worker. It does so only for sockets whose `proto` is IPPROTO_TCP. `socket.socket(AF_INET)` has `proto` 0, and an
# accepted socket takes it over from the one that listens. With --workers or --reload uvicorn makes its socket so and
# hands it to asyncio; any program that gives `create_server(sock=...)` a socket of its own does the same.
#
# 1. With one worker TCP_NODELAY is 1 on an accepted connection. With two it is 0.
# 2. The answer's head and body are two writes. With two workers the body waits for the acknowledgement of the head,
#    which Linux delays by 40 ms, on the loopback too. The first answers of a connection do not: Linux acknowledges
#    these at once, so a test of one request sees nothing.
# 3. A listening socket that is made with IPPROTO_TCP and given to uvicorn by `Server.serve(sockets=[...])` is as fast
#    as one worker.
#
# So a call that takes 2 ms of one worker takes over 40 of two. The standard loop was tried, uvloop was not. Source:
# `_set_nodelay` in Lib/asyncio/base_events.py, `Config.bind_socket` in uvicorn/config.py.
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "uvicorn==0.54.0" "h11==0.16.0" "click==8.3.1"
cd "$work"
cat >served.py <<'PY'
import asyncio, socket, sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

seen = []


class Telling(H11Protocol):
    def connection_made(self, transport):
        accepted = transport.get_extra_info("socket")
        seen.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        super().connection_made(transport)


async def app(scope, receive, send):
    body = f"TCP_NODELAY {1 if seen[-1] else 0}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    server = uvicorn.Server(uvicorn.Config(app, http=Telling, lifespan="off", log_level="error"))
    asyncio.run(server.serve(sockets=[listener]))
PY
cat >asked.py <<'PY'
import http.client, statistics, sys, time

said, port = sys.argv[1], int(sys.argv[2])
for _ in range(200):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.connect()
        break
    except ConnectionRefusedError:
        time.sleep(0.1)


def ask():
    begun = time.perf_counter()
    connection.request("GET", "/")
    body = connection.getresponse().read().decode()
    return time.perf_counter() - begun, body


for _ in range(20):
    ask()
took, bodies = zip(*[ask() for _ in range(40)])
late = "late" if statistics.median(took) > 0.03 else "at once"
print(f"{said}: {bodies[-1]}, the median answer {late}")
PY
free() { "$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
asked() { # name, port, command
  "${@:3}" &
  "$work/venv/bin/python" asked.py "$1" "$2" >>seen.txt
  kill $! && wait $! 2>/dev/null || true
}
serve=("$work/venv/bin/uvicorn" served:app --http served:Telling --lifespan off --log-level error --port)
port=$(free) && asked "one worker" "$port" "${serve[@]}" "$port"
port=$(free) && asked "two workers" "$port" "${serve[@]}" "$port" --workers 2
port=$(free) && asked "a socket of IPPROTO_TCP" "$port" "$work/venv/bin/python" served.py "$port"
cat >expected.txt <<'TXT'
one worker: TCP_NODELAY 1, the median answer at once
two workers: TCP_NODELAY 0, the median answer late
a socket of IPPROTO_TCP: TCP_NODELAY 1, the median answer at once
TXT
cat seen.txt
diff expected.txt seen.txt && echo "as described"
