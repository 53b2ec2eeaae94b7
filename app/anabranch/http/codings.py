"""The codings of answers that a client takes (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

GZIP: Final = "gzip"
PLAIN: Final = "identity"
_HEADER: Final = "accept-encoding"
_ANY: Final = "*"
_ALIKE: Final = {"x-gzip": GZIP}
_LEAST: Final = 0.0005
"""The weight of a plain answer that nobody speaks of: below any that may be given."""


def takes_gzip(given: str) -> bool:
    """Tell whether a client with this Accept-Encoding rather has gzip than a plain answer."""
    weights: dict[str, float] = {}
    for one in given.split(","):
        coding, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = _weight(parameters)
        if coding and weight is not None:
            weights[_ALIKE.get(coding, coding)] = weight
    others = weights.get(_ANY)
    plain = weights.get(PLAIN, _LEAST if others is None else others)
    packed = weights.get(GZIP, others or 0.0)
    if GZIP not in weights and packed == plain:
        return False  # Anything will do.
    return packed > 0 and packed >= plain


def _weight(parameters: list[str]) -> float | None:
    """Return the weight of a coding, from 0 to 1; None where it is none."""
    if not parameters:
        return 1.0
    name, _, value = parameters[0].partition("=")
    try:
        weight = float(value)
    except ValueError:
        return None
    in_bounds = math.isfinite(weight) and 0 <= weight <= 1
    return weight if name.strip() == "q" and in_bounds and len(parameters) == 1 else None


class Codings:
    """Asks `app`, which packs an answer wherever it finds gzip named, as the client means it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            lines = Headers(scope=scope).getlist(_HEADER)
            scope = {**scope, "headers": [*scope["headers"]]}
            MutableHeaders(scope=scope)[_HEADER] = GZIP if takes_gzip(",".join(lines)) else PLAIN
        await self._app(scope, receive, send)
