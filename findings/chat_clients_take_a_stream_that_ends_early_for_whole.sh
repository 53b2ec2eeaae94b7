#!/usr/bin/env bash
# openai 3.57.0, anthropic 2.14.0: an answer whose stream ends early, properly, is whole to both clients.
#
# A chat model's answer is streamed as server-sent events, with an end of its own: a reason in the last chunk
# and `[DONE]` (OpenAI), or `message_delta` and `message_stop` (Anthropic). A gateway that restarts, or has a time
# limit, ends the response between two events, as HTTP allows. One would guess that a client which asks busy
# services again by itself (max_retries) does so here, or raises. In fact:
#
# 1. openai's stream ends like any other: the text that came is there, and only `finish_reason` stays None.
# 2. anthropic's get_final_message() returns a Message with half the text; only its `stop_reason` is None.
# 3. Neither asks again: one request each.
# 4. An answer with status 200 that is no stream at all, the page of a front end where the address lacks its
#    `/v1`, is an empty answer to openai, and a bare AssertionError without a word to anthropic.
#
# So whoever keeps answers must look at the reason of the end: None is no answer, and half a sentence would
# otherwise be remembered as one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0" "anthropic==2.14.0"
cd "$work"
cat >trial.py <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from anthropic import Anthropic
from openai import OpenAI

CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
HALF = {**CHUNK, "choices": [{"index": 0, "delta": {"content": "The pier is not"}, "finish_reason": None}]}
MESSAGE = {
    "id": "1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}
EVENTS = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "The pier is not"}},
]
BODIES = {
    "/early/chat/completions": ("text/event-stream", f"data: {json.dumps(HALF)}\n\n"),
    "/early/v1/messages": (
        "text/event-stream",
        "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in EVENTS),
    ),
    "/page/chat/completions": ("text/html", "<html><title>Welcome</title></html>\n"),
    "/page/v1/messages": ("text/html", "<html><title>Welcome</title></html>\n"),
}
asked = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        asked.append(self.path)
        media, text = BODIES[self.path]
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_address[1]}"
said = [{"role": "user", "content": "How is the pier?"}]


def openai_hears(where):
    client = OpenAI(base_url=f"{address}/{where}", api_key="none")
    stream = client.chat.completions.create(model="m", messages=said, stream=True)
    text, reason = "", None
    for chunk in stream:
        text += chunk.choices[0].delta.content
        reason = chunk.choices[0].finish_reason
    print(f"openai, {where}: {text!r}, finish_reason {reason}")


def anthropic_hears(where):
    client = Anthropic(base_url=f"{address}/{where}", api_key="none")
    with client.messages.stream(model="m", max_tokens=64, messages=said) as stream:
        try:
            message = stream.get_final_message()
        except AssertionError as error:
            print(f"anthropic, {where}: AssertionError({str(error)!r})")
        else:
            print(f"anthropic, {where}: {message.content[0].text!r}, stop_reason {message.stop_reason}")


for place in ("early", "page"):
    openai_hears(place)
    anthropic_hears(place)
print("requests:", len(asked))
server.shutdown()
PY
cat >expected.txt <<'TXT'
openai, early: 'The pier is not', finish_reason None
anthropic, early: 'The pier is not', stop_reason None
openai, page: '', finish_reason None
anthropic, page: AssertionError('')
requests: 4
TXT
"$work/venv/bin/python" trial.py >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as described"
