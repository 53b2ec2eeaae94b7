"""A local stand-in for a model that speaks the OpenAI Responses protocol and follows a script.

Each step is a call of a tool of one MCP server, made of the results of the calls before it; after the
last comes a text. The client may ask before its server is there: then it is to run a command first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from tests.support.answering_http import EVENTS, JSON, Asked, answering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    Step = Callable[[list[Any]], tuple[str, dict[str, Any]]]

ATTEMPTS_MAX: Final = 60
_USAGE: Final = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
_WAIT: Final = ("exec_command", {"cmd": "sleep 1"})


class ResponsesModel:
    """The script, and the results of its calls; `server` is the tools' namespace."""

    def __init__(self, steps: Sequence[Step], *, server: str, last: str) -> None:
        self._steps = steps
        self._server = server
        self._last = last
        self.results: list[Any] = []

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the item that comes next."""
        items = request["input"]
        called = [one for one in items if one["type"] == "function_call"]
        outputs = {
            one["call_id"]: one["output"] for one in items if one["type"] == "function_call_output"
        }
        ours = [outputs[one["call_id"]] for one in called if one.get("namespace") == self._server]
        self.results = [_structure(one) for one in ours]
        there = any(tool.get("name") == self._server for tool in request["tools"])
        if len(ours) == len(self._steps) or len(called) >= ATTEMPTS_MAX:
            said = self._last if len(ours) == len(self._steps) else "given up"
            content = [{"type": "output_text", "text": said}]
            return {"type": "message", "id": "m_1", "role": "assistant", "content": content}
        name, arguments = self._steps[len(ours)](self.results) if there else _WAIT
        call = {
            "type": "function_call",
            "id": f"fc_{len(called)}",
            "call_id": f"call_{len(called)}",
            "name": name,
            "arguments": json.dumps(arguments),
        }
        return {**call, "namespace": self._server} if there else call


def _structure(output: Any) -> Any:
    """Return the JSON in a result of a tool, as the client shows it to its model."""
    text = output if isinstance(output, str) else "".join(one.get("text", "") for one in output)
    return json.loads(text[text.index("{") :])


def serving(model: ResponsesModel) -> AbstractContextManager[str]:
    """Serve a model on loopback; give its address."""

    def answer(asked: Asked) -> tuple[bytes, str]:
        if asked.method != "POST":
            return b'{"models": []}', JSON  # There are none to choose from.
        return _events(model.answer(json.loads(asked.body))), EVENTS

    return answering(answer)


def _events(item: dict[str, Any]) -> bytes:
    events: tuple[dict[str, Any], ...] = (
        {"type": "response.created", "response": {"id": "r_1"}},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "r_1", "usage": _USAGE}},
    )
    lines = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return "".join(lines).encode()
