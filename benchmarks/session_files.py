"""Sessions of Claude Code that are made up, and an empty log for them.

A turn has eight tool calls with outputs of some kilobytes, and a remark before half of them.
"""

from __future__ import annotations

import json
import random
import tempfile
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch_events import Log, NatsServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_CALLS: Final = 8
_WORDS: Final = [
    "the",
    "lamp",
    "turns",
    "every",
    "ten",
    "seconds",
    "at",
    "Gull",
    "Point",
    "and",
    "the",
    "keeper",
    "logs",
    "oil",
    "wick",
    "wind",
    "from",
    "west",
    "pier",
    "buoy",
    "anchor",
    "rope",
]


def write_session(folder: Path, *, megabytes: float, longest_mb: int = 0, seed: int = 1) -> None:
    """Write a session of about that size, at least a turn; one output has `longest_mb`."""
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it.
    session_id = str(uuid.UUID(int=chance.getrandbits(128)))
    path = folder / "projects" / "-work-pier" / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    outputs = ["\n".join(_text(chance, 12) for _ in range(100)) for _ in range(50)]
    leaf: str | None = None
    size = number = 0
    with path.open("w") as file:
        while not number or size < megabytes * 1_000_000:
            longest = "fog\n" * (longest_mb * 250_000) if number == 0 else ""
            for kind, message in _turn(chance, outputs, number, longest=longest):
                record_id = str(uuid.UUID(int=chance.getrandbits(128)))
                record = {
                    "parentUuid": leaf,
                    "isSidechain": False,
                    "type": kind,
                    "message": message,
                    "uuid": record_id,
                    "timestamp": "2026-11-01T08:00:00.000Z",
                    "cwd": "/srv/pier",
                    "sessionId": session_id,
                    "version": "2.1.332",
                }
                size += file.write(json.dumps(record, separators=(",", ":")) + "\n")
                leaf = record_id
            number += 1


def _turn(
    chance: random.Random, outputs: list[str], number: int, *, longest: str
) -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = [
        ("user", {"role": "user", "content": _text(chance, 30)})
    ]
    for call in range(_CALLS):
        if call % 2 == 0:
            found.append(("assistant", _said({"type": "text", "text": _text(chance, 25)})))
        call_id = f"toolu_{number}_{call}"
        given = {"command": f"cat {_text(chance, 2)}"}
        found.append(
            (
                "assistant",
                _said({"type": "tool_use", "id": call_id, "name": "Bash", "input": given}),
            )
        )
        output = chance.choice(outputs) * chance.randint(1, 3)
        output, longest = longest or output, ""
        result = {"type": "tool_result", "tool_use_id": call_id, "content": output}
        found.append(("user", {"role": "user", "content": [result]}))
    found.append(
        ("assistant", _said({"type": "text", "text": _text(chance, 120)}, stop="end_turn"))
    )
    return found


def _said(block: dict[str, object], *, stop: str = "tool_use") -> dict[str, object]:
    return {"role": "assistant", "model": "model", "content": [block], "stop_reason": stop}


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(words))


@asynccontextmanager
async def empty_log() -> AsyncGenerator[Log]:
    """Give the log of a new server."""
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as home:
        async with (
            NatsServer(Path(home)) as server,
            Log.connect(server.url, token=server.token) as log,
        ):
            yield log
