"""Answers over HTTP: JSON, problems, and the position as their ETag."""

from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from anabranch.api.problem import PROBLEM_TYPE, Problem
from anabranch.errors import (
    AnabranchError,
    KeyRefused,
    MethodRefused,
    RequestUnfinished,
    TooManyRequests,
)
from anabranch.http.fixes import FIXES
from anabranch_events.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel

    from anabranch.backend.backend import Backend

JSON: Final = "application/json"
_RETRY_AFTER_S: Final = "1"
_TAG: Final = re.compile(r'(?<![^\s,])(?:(?:W/)?("[^"]*")|\*)(?![^\s,])')
_ANY: Final = "*"
_log = logging.getLogger("anabranch")


def answered(answer: BaseModel, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer as JSON."""
    return Response(answer.model_dump_json(), media_type=JSON, headers=headers)


def refused(error: Exception) -> Response:
    """Return the problem that an error is; one that nobody foresaw is noted in the log."""
    if not isinstance(error, AnabranchError):
        _log.error("an HTTP request met an unexpected %r", error)
    problem = Problem.of(error, instead=FIXES)
    headers: dict[str, str] = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = _RETRY_AFTER_S
    elif isinstance(error, KeyRefused):
        headers["WWW-Authenticate"] = _challenge(error)
    elif isinstance(error, MethodRefused):
        headers["Allow"] = ", ".join(sorted(error.allowed))
    if isinstance(error, RequestUnfinished):
        headers["Connection"] = "close"  # The rest of its body may still come.
    return Response(
        problem.document(),
        status_code=problem.status,
        media_type=PROBLEM_TYPE,
        headers=headers,
    )


def _challenge(error: KeyRefused) -> str:
    """Return the challenge (RFC 6750); it has an error only where something was shown."""
    realm = 'Bearer realm="anabranch"'
    if not error.shown:
        return realm
    said = "".join(one for one in error.message if " " <= one <= "~" and one not in '"\\')
    return f'{realm}, error="invalid_token", error_description="{said}"'


def tag_of(position: int) -> str:
    """Return the ETag of an answer that knows the log up to a position."""
    return f'W/"{position}"'


class Held:
    """The answers that a client has, as it says in `If-None-Match`, in one header or several."""

    def __init__(self, if_none_match: Iterable[str]) -> None:
        found = _TAG.finditer(", ".join(if_none_match))
        self._tags = frozenset(one[1] or _ANY for one in found)

    @property
    def any(self) -> bool:
        """True for a client that has whatever there is: it asks only whether there is something."""
        return _ANY in self._tags

    def has(self, tag: str) -> bool:
        """Tell whether one of them has a tag; weak tags are compared as strong ones are."""
        return tag.removeprefix("W/") in self._tags


def unchanged(headers: Mapping[str, str]) -> Response:
    """Return that the answer which the client has is that of now; `headers` are those it had."""
    return Response(status_code=304, headers=headers)


async def position_known(backend: Backend) -> int | None:
    """Return the log's end if the graph has reached it: an answer from here on knows it."""
    last = (await backend.log.bounds()).last
    await backend.note_reached(last)
    return last if backend.has_reached(last) else None
