"""Questions that nobody should ask, and the errors that may answer them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from anabranch.errors import PositionFromFuture, ScopeNeedsSession
from anabranch_events import new_id
from anabranch_events.errors import InputInvalid, SessionNotFound

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

REFUSALS: Final = (InputInvalid, PositionFromFuture, ScopeNeedsSession, SessionNotFound)
PIECES: Final = (
    *("", " ", "\n\t", "?", "...!?", "---", "''", '"', "\\", "/", "*", "?*", "~", "^", ":", "%", "_"),
    *("the", "what is it", "who did that to whom", "of the and", "which port", "Ada", "the ferry"),
    *("text:port", "port AND", "OR NOT port", "(port", "port)^2~", '"port', "[a TO b]", "/po.t/"),
    *("+port -ferry", "port && || !", "{!x}", "MATCH (n) DETACH DELETE n", "'; RETURN 1 //"),
    *("$namespace", "${x}", "{{x}}", "<b>x</b>", "%s %d", "\x00", "\x1b[31m", "\ud800", "\ufeff"),
    *("\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd", "\u202eport\u202c", "\u0627\u0644\u0645\u064a\u0646\u0627\u0621"),
    *("\u6e2f\u53e3\u5728\u54ea\u91cc", "\u30d5\u30a7\u30ea\u30fc", "\ud398\ub9ac", "\u0e40\u0e23\u0e37\u0e2d"),
    *("\u092c\u0902\u0926\u0930\u0917\u093e\u0939", "Gr\u00fcnau", "Gru\u0308nau", "\U0001f6a2\u200d\U0001f4a8", "\u00df\u0130\u0131"),
    *("2026-11-23", "in November 2026", "99999-99-99", "31 February", "1e999", "-0", "next step"),
    *("10.0.3.5", "v2.15.1", "ABC-123-456", f"{2**70}.{2**80}.{2**90}", "1.2.3." * 500),
    *("a" * 3_000, "port " * 2_000, "\u6e2f" * 4_000, "?" * 5_000, "e\u0301" * 2_000),
)  # fmt: skip
_TIMES: Final = (
    datetime(2026, 11, 23, tzinfo=UTC),
    datetime(2026, 11, 23),  # noqa: DTZ001 - a time that names no zone.
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))),
)
_LONG: Final = 20_000


def question(dice: random.Random, sessions: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a recall, of which some may be none that it takes."""
    text = dice.choice((" ", "", "\n")).join(dice.choice(PIECES) for _ in range(dice.randint(1, 4)))
    if dice.random() < 0.01:
        text = (text or "x") * (_LONG // max(1, len(text)) * 5)
    asked: dict[str, Any] = {"query": text}
    choices: dict[str, tuple[Any, ...]] = {
        "k": (1, 3, 10, 1000, 0, -1, 1001, 10_000),
        "session_id": (*sessions, new_id(), "abc", ""),
        "scope": ("session", "lineage", "thought", "namespace", "galaxy"),
        "as_of": (0, 1, 3, 7, -1, 10**9, 2**70, "yesterday"),
        "min_similarity": (-1, 0, 0.5, 1, 2, math.nan, -math.inf),
        "tags": (["sea"], ["nothing"], [""], ["*"]),
        "kinds": (["derived"], ["fact", "observation"], ["\x00"]),
        "agent": ("ada", "nobody", ""),
        "role": ("watcher", "x" * 300),
        "confidence_min": (0, 0.5, 1, 7, math.nan),
        "include_retired": (True, False),
        "spread": (0, 1, 4, 5, -1),
        "timeout_s": (200.0, 0, -1, math.inf),
        "since": _TIMES,
        "until": _TIMES,
        "valid_at": _TIMES,
    }
    for name, values in choices.items():
        if dice.random() < 0.12:
            asked[name] = dice.choice(values)
    return asked
