#!/usr/bin/env bash
# openai 3.57.0, anthropic 2.14.0: asked by `Retry-After` to come again, the one waits up to two minutes and fails at
# once past that; the other waits as long as it is asked, an hour or a month. No timeout of either ends the waiting.
#
# Both clients ask a busy service again by themselves (`max_retries`, 2 by default). One would guess that both have one
# limit for `Retry-After`, of a minute or so, and that `timeout` is about the whole call. In fact:
#
# 1. anthropic sleeps for whatever it is asked, up to 4,294,967 seconds, within the call, before each of its tries.
# 2. openai sleeps up to 120 seconds. Asked for more it does not try again, and raises its RateLimitError at once.
# 3. A date in the place of the seconds is read by both. A time that is past is left aside.
# 4. `timeout=1` ends none of it: a call that is asked to wait two seconds, twice, takes more than four.
#
# So a worker that calls a model stands for as long as the service likes, with its slot, its lock and its claim. Who
# has work to give back should set max_retries=0, or a deadline round the call, and read the header from the error.
# The pauses are noted here and not slept through, but for those of point 4.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0" "anthropic==2.14.0"
cd "$work"
cat >trial.py <<'PY'
import email.utils
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai

slept, asked = [], []
really = time.sleep
time.sleep = slept.append  # Both clients wait by it.


class Busy(BaseHTTPRequestHandler):
    headers_too = {}

    def log_message(self, *said):
        """Say nothing."""

    def do_POST(self):
        asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(429)
        self.send_header("Content-Length", "2")
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
messages = [{"role": "user", "content": "How many boats?"}]


def by_openai(**more):
    client = openai.OpenAI(api_key="none", base_url=url, timeout=1, **more)
    client.chat.completions.create(model="m", messages=messages)


def by_anthropic(**more):
    client = anthropic.Anthropic(api_key="none", base_url=url, timeout=1, **more)
    client.messages.create(model="m", messages=messages, max_tokens=9)


def tell(name, ask, said, wanted):
    Busy.headers_too = {"Retry-After": wanted} if wanted else {}
    slept.clear()
    asked.clear()
    try:
        ask()
    except (openai.RateLimitError, anthropic.RateLimitError) as error:
        pauses = ["about an hour" if 3590 < one <= 3600 else "under 2" if one < 2 else f"{one:.0f}" for one in slept]
        print(f"{name}, {said}: asked {len(asked)} times, waited {pauses}, then {type(error).__name__}")


def slept_through(name, ask):
    Busy.headers_too = {"Retry-After": "2"}
    time.sleep, began = really, time.monotonic()
    try:
        ask()
    except (openai.RateLimitError, anthropic.RateLimitError):
        print(f"{name}, 2, slept through: more than four seconds, {time.monotonic() - began >= 4}")
    time.sleep = slept.append


def not_again(name, ask):
    Busy.headers_too = {"Retry-After": "60"}
    asked.clear()
    try:
        ask(max_retries=0)
    except (openai.RateLimitError, anthropic.RateLimitError) as error:
        print(f"{name}, max_retries=0: asked {len(asked)} times, told {error.response.headers['retry-after']}")


for name, ask in (("openai", by_openai), ("anthropic", by_anthropic)):
    for said in ("no header", "60", "90", "120", "121", "3600", "9999999"):
        tell(name, ask, said, None if said == "no header" else said)
    tell(name, ask, "a date in an hour", email.utils.formatdate(time.time() + 3600, usegmt=True))
    tell(name, ask, "a date that is past", email.utils.formatdate(time.time() - 60, usegmt=True))
    slept_through(name, ask)
    not_again(name, ask)
PY
cat >expected.txt <<'TXT'
openai, no header: asked 3 times, waited ['under 2', 'under 2'], then RateLimitError
openai, 60: asked 3 times, waited ['60', '60'], then RateLimitError
openai, 90: asked 3 times, waited ['90', '90'], then RateLimitError
openai, 120: asked 3 times, waited ['120', '120'], then RateLimitError
openai, 121: asked 1 times, waited [], then RateLimitError
openai, 3600: asked 1 times, waited [], then RateLimitError
openai, 9999999: asked 1 times, waited [], then RateLimitError
openai, a date in an hour: asked 1 times, waited [], then RateLimitError
openai, a date that is past: asked 3 times, waited ['under 2', 'under 2'], then RateLimitError
openai, 2, slept through: more than four seconds, True
openai, max_retries=0: asked 1 times, told 60
anthropic, no header: asked 3 times, waited ['under 2', 'under 2'], then RateLimitError
anthropic, 60: asked 3 times, waited ['60', '60'], then RateLimitError
anthropic, 90: asked 3 times, waited ['90', '90'], then RateLimitError
anthropic, 120: asked 3 times, waited ['120', '120'], then RateLimitError
anthropic, 121: asked 3 times, waited ['121', '121'], then RateLimitError
anthropic, 3600: asked 3 times, waited ['about an hour', 'about an hour'], then RateLimitError
anthropic, 9999999: asked 3 times, waited ['4294967', '4294967'], then RateLimitError
anthropic, a date in an hour: asked 3 times, waited ['about an hour', 'about an hour'], then RateLimitError
anthropic, a date that is past: asked 3 times, waited ['under 2', 'under 2'], then RateLimitError
anthropic, 2, slept through: more than four seconds, True
anthropic, max_retries=0: asked 1 times, told 60
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
