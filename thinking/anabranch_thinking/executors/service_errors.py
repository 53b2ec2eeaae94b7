"""Errors of services that executors call, as thinking has them: a refusal, a silence, no answer."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from math import isnan
from typing import TYPE_CHECKING, Any, Final

from anabranch_events.errors import InputInvalid
from anabranch_thinking.errors import DoNotRetry, ExecutorFailed, RetryLater
from anabranch_thinking.sessions.findings import lead, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSE_S: Final = 5.0
PAUSE_MAX_S: Final = 60.0
SAID_MAX: Final = 300
_PASSING: Final = frozenset({408, 409, 425, 429})
_REFUSED: Final = frozenset({401, 403})
_SERVERS_FAULT: Final = 500
_NOT_FINE: Final = 300


def client_missing(package: str, *, extra: str) -> InputInvalid:
    """Return the error for a client that is not installed."""
    return InputInvalid(
        f"executor: it needs the package {package}, which is not installed",
        field="executor",
        fix=f'install it: pip install "anabranch[{extra}]"',
    )


def check_client(package: str, *, extra: str) -> None:
    """Raise InputInvalid for a client that is not installed; it is not imported."""
    if find_spec(package) is None:
        raise client_missing(package, extra=extra)


def refused(by: str, status: int, said: str, headers: Mapping[str, str]) -> ExecutorFailed:
    """Return the error for an answer that is none; what passes is tried again later."""
    if status in _REFUSED:
        # Such an answer may repeat a part of the key.
        return DoNotRetry(
            f"{by}: the service refused the key (status {status})", fix="set a key that it takes"
        )
    told = lead(plain(said), length_max=SAID_MAX) if said.strip() else "nothing more"
    text = f"{by}: the service answered with status {status}: {told}"
    # An answer that began well, and broke off: the service is overloaded, say.
    broke_off = status < _NOT_FINE
    if broke_off or status in _PASSING or status >= _SERVERS_FAULT:
        return RetryLater(text, delay_s=_pause_s(headers))
    return DoNotRetry(text, fix="check the model's name, and that the task suits it")


def unreachable(by: str, error: Exception) -> ExecutorFailed:
    """Return the error for a service that did not answer, or stopped in the middle of it.

    A certificate that is not trusted will not be at the next attempt.
    """
    said = lead(plain(str(error)), length_max=SAID_MAX) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return DoNotRetry(
            f"{by}: its certificate is not trusted: {said}",
            fix="name the certificates to trust in SSL_CERT_FILE",
        )
    return RetryLater(
        f"{by}: the service does not answer: {said}",
        delay_s=PAUSE_S,
        fix="check its address, and that it runs",
    )


def stopped_early(by: str) -> RetryLater:
    """Return the error for a stream that ended before the answer: clients take it for whole."""
    return RetryLater(
        f"{by}: the answer stopped in the middle", delay_s=PAUSE_S, fix="wait for the next attempt"
    )


def said_nothing(by: str, *, because: str | None) -> ExecutorFailed:
    """Return the error for an answer without a text."""
    why = f" ({because})" if because else ""
    return ExecutorFailed(f"{by}: the answer holds no text{why}", fix="try again, or another model")


def cut_off(by: str, *, tokens: int | None) -> ExecutorFailed:
    """Return the error for an answer that stopped at the limit of tokens."""
    limit = f"{tokens} tokens" if tokens else "tokens"
    return ExecutorFailed(
        f"{by}: the answer stopped at the limit of {limit}",
        fix="give the branch a smaller task, or the executor more tokens",
    )


async def end_long_pauses(response: Any) -> None:
    """Stop a client of OpenAI or Anthropic from sleeping for more than a minute: an httpx2 hook.

    They sleep within the call, Anthropic's for any time that the service asks for. Both heed the
    header `x-should-retry`, and then fail at once.
    """
    if (asked_s := asked_pause_s(response.headers)) is not None and asked_s > PAUSE_MAX_S:
        response.headers["x-should-retry"] = "false"


def _pause_s(headers: Mapping[str, str]) -> float:
    asked_s = asked_pause_s(headers)
    return PAUSE_S if asked_s is None else min(PAUSE_MAX_S, asked_s)


def asked_pause_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a service wants to be left alone: it says how long, or until when."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            asked_s = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        if not isnan(asked_s):
            return max(0.0, asked_s)
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
        left = until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)
    except (OverflowError, ValueError):  # Of numbers beyond all bounds.
        return None
    return max(0.0, left.total_seconds())
