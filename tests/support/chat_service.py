"""A local stand-in for a service of chat models that speaks OpenAI's protocol, and follows a script.

Each request takes the next reply; the last one is given again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.answering_http import EVENTS, Asked, Reply, answering

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class ChatService:
    """The script of replies, and what was asked."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = [*replies]
        self.asked: list[Asked] = []

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of the requests."""
        return [json.loads(one.body) for one in self.asked]

    def serving(self) -> AbstractContextManager[str]:
        """Serve on loopback; give its address."""
        return answering(self._answer)

    def _answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def says(text: str, *, ended: str = "stop", cut: bool = False, early: bool = False) -> Reply:
    """Return an answer as a stream of its words; `early` ends it, properly, before the answer."""
    words = [text[at : at + 7] for at in range(0, len(text), 7)]
    chunks = [_chunk({"content": word}) for word in words]
    usage = {"prompt_tokens": 40, "completion_tokens": len(words), "total_tokens": 40 + len(words)}
    chunks += [_chunk({}, ended=ended), {**_chunk({}), "choices": [], "usage": usage}]
    lines = [f"data: {json.dumps(one)}\n\n" for one in chunks]
    whole = "".join([*lines, "data: [DONE]\n\n"])
    begun = "".join(lines[:-2])
    return Reply((begun if cut or early else whole).encode(), EVENTS, cut=cut)


def streams(*lines: str) -> Reply:
    """Return lines of a stream as they are, whatever they say."""
    return Reply("".join(f"data: {line}\n\n" for line in lines).encode(), EVENTS)


def refuses(status: int, message: str, **headers: str) -> Reply:
    """Return an error as OpenAI writes it."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": None}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(body, status=status, headers=named)


def _chunk(delta: dict[str, str], *, ended: str | None = None) -> dict[str, Any]:
    return {
        "id": "chunk",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": ended}],
    }
