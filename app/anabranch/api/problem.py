"""Problem (RFC 9457): the answer to a command that cannot be done, with what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from anabranch.api.fixes import OPERATORS, fix_for
from anabranch.errors import (
    AccessRefused,
    AnswerTooLarge,
    HostRefused,
    KeyRefused,
    MediaRefused,
    MethodRefused,
    RequestTooLarge,
    RequestUnfinished,
    TooManyRequests,
)
from anabranch_events import input_invalid
from anabranch_events.errors import (
    AnabranchError,
    Conflict,
    EventInvalid,
    InputInvalid,
    LogFull,
    NotFound,
    PositionConflict,
    Unavailable,
)

if TYPE_CHECKING:
    from pydantic import ValidationError

    from anabranch.api.fixes import Fixes

PROBLEM_TYPE: Final = "application/problem+json"
_URN: Final = "urn:anabranch:error:"
# The first that fits: what stands for one error stands before what stands for its branch.
_STATUSES: Final[tuple[tuple[type[AnabranchError], int], ...]] = (
    (RequestTooLarge, 413),
    (AnswerTooLarge, 413),
    (RequestUnfinished, 408),
    (MediaRefused, 415),
    (MethodRefused, 405),
    (KeyRefused, 401),
    (HostRefused, 421),
    (AccessRefused, 403),
    (InputInvalid, 400),
    (NotFound, 404),
    (Conflict, 409),
    (TooManyRequests, 429),
    (Unavailable, 503),
    (LogFull, 507),
)
_UNEXPECTED: Final = 500


class Problem(BaseModel):
    """Why a command was not done: the members of RFC 9457, `fix`, and the `field` at fault."""

    model_config = ConfigDict(frozen=True)
    type: str = Field(
        description="`urn:anabranch:error:` and the error's name in docs/reference/errors.md."
    )
    title: str = Field(description="What that error means, the same each time.")
    status: int = Field(
        description="400 the request breaks a rule, 404 what it names does not exist, 409 the "
        "memory has moved on, 413 too large, 503 try again later, 507 the log is full, 500 the "
        "set-up must change. Over HTTP also 401 and 403 the key does not permit it, 405 and 415 "
        "the address takes something else, 408 too slow, 421 another host, 429 too often."
    )
    detail: str = Field(description="What happened this time.")
    fix: str = Field(description="What to do.")
    field: str | None = Field(default=None, description="The part of the request at fault.")
    actual: int | None = Field(
        default=None, description="For PositionConflict: the session's last position."
    )

    @classmethod
    def of(cls, error: Exception, *, instead: Fixes | None = None) -> Self:
        """Say what `error` means to who asked; one that nobody foresaw keeps its details here.

        `instead` are the fixes of a surface without a terminal.
        """
        if not isinstance(error, AnabranchError):
            fix = "see the log of `anabranch up`" if instead is None else f"tell {OPERATORS}"
            return cls(
                type=_URN + "Unexpected",
                title="The service met an error that it does not know.",
                status=_UNEXPECTED,
                detail=f"the service met an unexpected {type(error).__name__}",
                fix=f"{fix}; what was to be stored may be stored or not",
            )
        return cls(
            type=_URN + type(error).__name__,
            title=(type(error).__doc__ or "").strip().partition("\n")[0],
            status=status_of(error),
            detail=error.message,
            fix=error.fix if instead is None else fix_for(error, instead),
            field=error.field if isinstance(error, InputInvalid) else None,
            actual=error.actual if isinstance(error, PositionConflict) else None,
        )

    def document(self) -> bytes:
        """Return this as JSON, without the members that do not apply."""
        return self.model_dump_json(exclude_none=True).encode()


def status_of(error: AnabranchError) -> int:
    """Return the HTTP status that says what the caller can do."""
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return _UNEXPECTED


def request_invalid(error: ValidationError) -> InputInvalid:
    """Say what is wrong with a request, and in which field."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        reason = re.sub(r"^Invalid JSON: ", "", first["msg"])
        return InputInvalid(
            f"the request is not JSON: {reason}",
            field="body",
            fix="send one JSON object in UTF-8",
        )
    found = input_invalid(error, whole="body")
    if first["type"] == "extra_forbidden" and found.field == "namespace":
        fix = "leave namespace out of the body: it stands in the subject, or in the address"
        return InputInvalid(found.message, field=found.field, fix=fix)
    return found


def other_namespace(named: str, *, subject: str) -> EventInvalid:
    """Return the error for an event of another namespace than the subject of its request."""
    return EventInvalid(
        f"namespace: the event is of {named!r}, the request is for {subject!r}",
        field="namespace",
        fix="ask in the namespace of the event, or correct the event",
    )
