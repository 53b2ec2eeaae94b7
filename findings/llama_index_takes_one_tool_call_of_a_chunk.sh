#!/usr/bin/env bash
# llama-index-llms-openai 0.8.3: of tool calls that a stream tells together, it runs the first and drops the others;
# pydantic-ai 2.66.0 and openai-agents 0.24.0 join calls of one index into one, whatever their ids.
#
# An answer that calls two tools is streamed in deltas, each with the call's index. OpenAI sends a delta a chunk, one
# call after the other; servers that speak its protocol also send both calls in one chunk, or pieces of both by turns,
# as the protocol allows, or give all calls the index 0 and only ids of their own. One would guess that a client puts
# them together by index. In fact:
#
# 1. LlamaIndex looks at the first delta of a chunk only: the second call is never run, no error says so, and an agent
#    goes on as if the model had asked for one thing.
# 2. It compares a delta's index with the newest call's only: pieces by turns become four calls, of them two without a
#    name, and none with the arguments that the model gave.
# 3. All of index 0: LlamaIndex makes one call without arguments. pydantic-ai and openai-agents make one with the
#    arguments of both strung together, which is no JSON. LangChain alone keeps two.
#
# So a stand-in for a model sends a chunk for each call, and who reads such sessions finds calls that were asked for
# and not made.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in llama others; do python3 -m venv "$work/$name"; done
"$work/llama/bin/pip" install --quiet --disable-pip-version-check "llama-index-core==0.14.25" \
  "llama-index-llms-openai==0.8.3" "llama-index-llms-openai-like==0.8.1"
"$work/others/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0" "langchain-openai==1.7.4" \
  "openai-agents==0.24.0" "pydantic-ai-slim[openai]==2.66.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
PIER, ROOF = '{"place": "pier"}', '{"place": "roof"}'
form = ""


def begun(index, id, arguments):
    """Return a call, or the first piece of one."""
    return {"index": index, "id": id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def more(index, arguments):
    """Return a later piece of a call."""
    return {"index": index, "function": {"arguments": arguments}}


FORMS = {
    "a chunk each": [[begun(0, "c1", PIER)], [begun(1, "c2", ROOF)]],
    "both in one chunk": [[begun(0, "c1", PIER), begun(1, "c2", ROOF)]],
    "pieces by turns": [
        [begun(0, "c1", PIER[:9])],
        [begun(1, "c2", ROOF[:9])],
        [more(0, PIER[9:])],
        [more(1, ROOF[9:])],
    ],
    "all of index 0": [[begun(0, "c1", PIER)], [begun(0, "c2", ROOF)]],
}


class Stub(BaseHTTPRequestHandler):
    """A model that calls two tools, in a form."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        head = {"id": "a", "object": "chat.completion.chunk", "created": 0, "model": "stub"}
        deltas = [({"tool_calls": calls}, None) for calls in FORMS[form]] + [({}, "tool_calls")]
        chunks = [
            json.dumps(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
            for delta, reason in deltas
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(f"data: {one}\n\n" for one in [*chunks, "[DONE]"]).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
threading.Thread(target=server.serve_forever, daemon=True).start()
at = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": "none", "max_retries": 0}


async def llama_index():
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(
        model="stub",
        api_base=at["base_url"],
        api_key="none",
        is_chat_model=True,
        is_function_calling_model=True,
    )
    async for last in await llm.astream_chat([ChatMessage("Look.")]):
        pass
    return [json.dumps(one.tool_kwargs) for one in llm.get_tool_calls_from_response(last)]


async def langchain():
    from langchain_openai import ChatOpenAI

    whole = None
    async for chunk in ChatOpenAI(model="stub", **at).astream("Look."):
        whole = chunk if whole is None else whole + chunk
    return [json.dumps(one["args"]) for one in whole.tool_calls + whole.invalid_tool_calls]


async def pydantic_ai():
    from openai import AsyncOpenAI
    from pydantic_ai.messages import ModelRequest, ToolCallPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("stub", provider=OpenAIProvider(openai_client=AsyncOpenAI(**at)))
    asked = [ModelRequest.user_text_prompt("Look.")]
    async with model.request_stream(asked, None, ModelRequestParameters()) as stream:
        async for _ in stream:
            pass
    return [one.args for one in stream.get().parts if isinstance(one, ToolCallPart)]


async def openai_agents():
    from agents import ModelSettings, ModelTracing, OpenAIChatCompletionsModel
    from openai import AsyncOpenAI

    model = OpenAIChatCompletionsModel("stub", AsyncOpenAI(**at))
    rest = {"previous_response_id": None, "conversation_id": None, "prompt": None}
    events = model.stream_response(None, "Look.", ModelSettings(), [], None, [], ModelTracing.DISABLED, **rest)
    async for event in events:
        pass
    return [one.arguments for one in event.response.output if one.type == "function_call"]


async def main(names):
    global form
    for name in names:
        print(name)
        for form in FORMS:
            print(f"  {form}:", *await globals()[name](), sep=" | ")


asyncio.run(main(sys.argv[1:]))
PY
cat >expected.txt <<'TXT'
llama_index
  a chunk each: | {"place": "pier"} | {"place": "roof"}
  both in one chunk: | {"place": "pier"}
  pieces by turns: | {"place": null} | {"place": null} | {} | {}
  all of index 0: | {}
langchain
  a chunk each: | {"place": "pier"} | {"place": "roof"}
  both in one chunk: | {"place": "pier"} | {"place": "roof"}
  pieces by turns: | {"place": "pier"} | {"place": "roof"}
  all of index 0: | {"place": "pier"} | {"place": "roof"}
pydantic_ai
  a chunk each: | {"place": "pier"} | {"place": "roof"}
  both in one chunk: | {"place": "pier"} | {"place": "roof"}
  pieces by turns: | {"place": "pier"} | {"place": "roof"}
  all of index 0: | {"place": "pier"}{"place": "roof"}
openai_agents
  a chunk each: | {"place": "pier"} | {"place": "roof"}
  both in one chunk: | {"place": "pier"} | {"place": "roof"}
  pieces by turns: | {"place": "pier"} | {"place": "roof"}
  all of index 0: | {"place": "pier"}{"place": "roof"}
TXT
{ llama/bin/python trial.py llama_index && others/bin/python trial.py langchain pydantic_ai openai_agents; } \
  >seen.txt 2>said.txt || { cat said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
