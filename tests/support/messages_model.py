"""A local stand-in for a model that speaks the Anthropic Messages protocol and follows a script.

Each step is a tool call, made of the results of the calls before it; after the last comes a text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.support.answering_http import EVENTS, JSON, Asked, answering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    Step = Callable[[list[Any]], tuple[str, dict[str, Any]]]

ATTEMPTS_MAX: Final = 40
_USAGE: Final = {"input_tokens": 10, "output_tokens": 10}


class MessagesModel:
    """The script, and the results of its calls.

    A call whose result is no JSON did not work, because its server is not there yet: the tool
    `wait` is called, and then the same step again. After `ATTEMPTS_MAX` calls the model gives up.
    """

    def __init__(self, steps: Sequence[Step], *, wait: str, last: str) -> None:
        self._steps = steps
        self._wait = wait
        self._last = last
        self.results: list[Any] = []

    def answer(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the blocks of the next message."""
        blocks = [
            block
            for message in request.get("messages", [])
            if isinstance(message["content"], list)
            for block in message["content"]
        ]
        called = [block["name"] for block in blocks if block["type"] == "tool_use"]
        results = [_value(block) for block in blocks if block["type"] == "tool_result"]
        done = [one for one in results if isinstance(one, dict)]
        if len(done) >= len(self.results):
            self.results = done
        given_up = len(called) >= ATTEMPTS_MAX
        if not request.get("tools") or len(done) == len(self._steps) or given_up:
            return [{"type": "text", "text": "given up" if given_up else self._last}]
        works = bool(results) and (isinstance(results[-1], dict) or called[-1] == self._wait)
        name, arguments = self._steps[len(done)](done) if works else (self._wait, {})
        return [
            {"type": "tool_use", "id": f"toolu_{len(called)}", "name": name, "input": arguments}
        ]


def _value(block: dict[str, Any]) -> Any:
    """Return the result of a call: JSON where it is, or else text."""
    content = block["content"]
    text = content if isinstance(content, str) else "".join(one.get("text", "") for one in content)
    try:
        return json.loads(text)
    except ValueError:
        return text


def serving(model: MessagesModel) -> AbstractContextManager[str]:
    """Serve a model on loopback; give its address."""

    def answer(asked: Asked) -> tuple[bytes, str]:
        if asked.method != "POST":  # It looks whether somebody is here.
            return (b"" if asked.method == "HEAD" else b"{}"), JSON
        if "count_tokens" in asked.path:
            return b'{"input_tokens": 10}', JSON
        request = json.loads(asked.body)
        if request.get("stream"):
            return streamed(model.answer(request)), EVENTS
        return json.dumps(_message(model.answer(request))).encode(), JSON

    return answering(answer)


def _message(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    calls = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": blocks,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": _USAGE,
    }


def streamed(blocks: list[dict[str, Any]]) -> bytes:
    """Return a message as the events of a stream."""
    whole = _message(blocks)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            begin: dict[str, Any] = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            begin = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events += [
            {"type": "content_block_start", "index": index, "content_block": begin},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events += [
        {"type": "message_delta", "delta": ended, "usage": _USAGE},
        {"type": "message_stop"},
    ]
    lines = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return "".join(lines).encode()
