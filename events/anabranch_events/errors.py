"""The root of every error Anabranch raises, and the log's own.

The tree is ordered by what the caller can do::

    AnabranchError
    ├── InputInvalid             change the input
    │   └── EventInvalid         what a producer sent is not an event of ours
    │       └── EventUnknown     it is of a type, or a version, that is not known
    ├── NotFound                 name something that exists
    │   └── SessionNotFound
    ├── Conflict                 read again, decide again
    │   ├── PositionConflict     somebody else appended first
    │   ├── LogMovedOn           others appended to the log since a position
    │   ├── SessionEnded         the session takes no more of this
    │   ├── NamespaceEnded       the namespace was deleted
    │   └── LogNotEmpty          there is a log already, where one should be restored
    ├── Unavailable              try again later
    │   ├── LogUnavailable
    │   ├── EventIdKnown         the server knows the id from an event that was deleted
    │   └── WaitTimedOut
    └── SetupInvalid             change the set-up
        ├── LogRefused           wrong token, or a permission is missing
        ├── LogFull              the disk, or a limit of stream or account, is reached
        ├── LogDamaged           events of the log are gone, or are not those that were stored
        ├── LogRewound           the log ends before what was already read
        ├── LogReplaced          an empty log stands where the one of the graph was
        ├── StreamDrifted        the stream's settings are not ours
        ├── ServerOutdated       the NATS server is too old
        └── ServerMissing        the managed nats-server cannot be started
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

Explain = Callable[["AnabranchError"], "AnabranchError"]
"""Returns the error to raise in place of the one given: a server is silent, or refuses us."""


class AnabranchError(Exception):
    """An operation that failed: `message` says why, `fix` says how to go on.

    The fix is a note too, so that tracebacks show it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.add_note(f"To fix it: {fix}")

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process makes it again: pools pickle what their work raises."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[AnabranchError], said: tuple[object, ...]) -> AnabranchError:
    """Return an error without calling its own `__init__`, whatever that asks for."""
    return kind.__new__(kind, *said)


class InputInvalid(AnabranchError):
    """The input breaks a rule; `field` names the part that does. Nothing was stored."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, field: str, fix: str) -> None:
        super().__init__(message, fix=fix)
        self.field = field


class EventInvalid(InputInvalid):
    """A message is not an event that this version can read."""


class EventUnknown(EventInvalid):
    """The event is of a type, or a version, that this version does not know.

    One in the log stays there unchanged: it is handed on, exported and imported, but never applied.
    """

    def __init__(self, event_type: str) -> None:
        super().__init__(
            f"this version does not know the event type {event_type!r}",
            field="type",
            fix="correct the type; if a newer version wrote the event, update Anabranch, and "
            "rebuild where it is in the log already",
        )
        self.event_type = event_type


class NotFound(AnabranchError):
    """The thing named does not exist in this namespace."""

    exit_code: ClassVar[int] = 3


class SessionNotFound(NotFound):
    """No event of this session is in the log of this namespace, up to `position` where given."""

    def __init__(self, session_id: str, *, namespace: str, position: int | None = None) -> None:
        then = "does not exist" if position is None else f"had not begun at position {position}"
        super().__init__(
            f"session {session_id} {then} in namespace {namespace!r}",
            fix="list the sessions with `anabranch session list`, or check the namespace; "
            "`anabranch doctor` says whether the log has lost events",
        )
        self.session_id = session_id
        self.namespace = namespace


class Conflict(AnabranchError):
    """The memory has moved on since the caller last looked."""

    exit_code: ClassVar[int] = 4


class LogMovedOn(Conflict):
    """Others have appended since the position that a batch had to follow; none of it is stored."""

    def __init__(self, last: int) -> None:
        super().__init__(
            f"the log has gone on since position {last}",
            fix="read its end again, and append right after that",
        )
        self.last = last


class PositionConflict(Conflict):
    """Another writer appended to the session first; `actual` is its last position, 0 for none."""

    def __init__(self, session_id: str, *, expected: int, actual: int) -> None:
        super().__init__(
            f"session {session_id} is at position {actual}, not at {expected}",
            fix="read the session again and decide again",
        )
        self.session_id = session_id
        self.expected = expected
        self.actual = actual


class SessionEnded(Conflict):
    """The session has ended and takes no more work."""

    def __init__(self, session_id: str, *, status: str) -> None:
        super().__init__(
            f"session {session_id} is {status} and takes no more work",
            fix="branch from a session that is open, or open a new one",
        )
        self.session_id = session_id
        self.status = status


class NamespaceEnded(Conflict):
    """The namespace was deleted at `position`; it takes no more events and answers nothing."""

    def __init__(self, namespace: str, *, position: int) -> None:
        super().__init__(
            f"the namespace {namespace!r} was deleted at position {position} and takes no more events",
            fix="use another name: a deleted namespace is never used again",
        )
        self.namespace = namespace
        self.position = position


class LogNotEmpty(Conflict):
    """There is a log already where one was to be restored; it stays unchanged."""

    def __init__(self, *, last: int) -> None:
        super().__init__(
            f"the server has a log already: it ends at position {last}",
            fix="restore onto an empty server, or a new home; `anabranch events import` adds "
            "events to a log",
        )
        self.last = last


class Unavailable(AnabranchError):
    """A server did not answer in time; the same call may succeed later."""

    exit_code: ClassVar[int] = 75


class LogUnavailable(Unavailable):
    """The NATS server cannot be reached, or does not answer."""


class EventIdKnown(Unavailable):
    """The server knows the id of an event that is not there, as of one that was deleted.

    It is not stored, and will be taken again after the deduplication window.
    """


class WaitTimedOut(Unavailable):
    """A position was not reached within the time given."""


class SetupInvalid(AnabranchError):
    """The installation or a server's set-up must change before this can work."""


class LogRefused(SetupInvalid):
    """The NATS server refused the credentials, a permission is missing, or a limit is met."""


class LogFull(SetupInvalid):
    """The log takes no more: its disk is full or stands still, or a limit of it is reached.

    The limit is one of its stream or account.

    Append the same events again once there is room, never new ones in their place. Of a batch a
    part may be readable before that; it is whole when the server has started again with room.
    """


class LogDamaged(SetupInvalid):
    """Events of the log are gone, or are not those that were stored: `missing` and `changed`.

    Both are stretches of positions, each from its first to its last.
    """

    def __init__(
        self,
        *,
        missing: Sequence[tuple[int, int]] = (),
        changed: Sequence[tuple[int, int]] = (),
    ) -> None:
        faults = [
            f"{what} at {positions_text(found)}"
            for what, found in (("no events", missing), ("other events than before", changed))
            if found
        ]
        super().__init__(
            f"the log is damaged: it has {' and '.join(faults)}",
            fix="restore a snapshot of it (`anabranch snapshot restore`), or go on without: "
            "`anabranch rebuild --accept-loss` writes down what is lost; "
            "`anabranch log verify` reads the whole log",
        )
        self.missing = tuple(missing)
        self.changed = tuple(changed)


def stretches_text(stretches: Sequence[tuple[int, int]], *, most: int = 10) -> str:
    """Return stretches of positions as text: `3, 7 to 12`."""
    shown = ", ".join(
        str(first) if first == last else f"{first} to {last}" for first, last in stretches[:most]
    )
    return shown if len(stretches) <= most else f"{shown} and {len(stretches) - most} more"


def positions_text(stretches: Sequence[tuple[int, int]], *, most: int = 10) -> str:
    """Return stretches with their noun: `position 3`, `positions 3, 7 to 12`."""
    one = len(stretches) == 1 and stretches[0][0] == stretches[0][1]
    return f"position{'' if one else 's'} {stretches_text(stretches, most=most)}"


class LogRewound(SetupInvalid):
    """The log ends before a position that was already read: it is another, or lost its end."""

    def __init__(self, *, position: int, last: int) -> None:
        super().__init__(
            f"position {position} was read, but the log now ends at {last}",
            fix="the server holds another log, or lost its end in a power failure: restore it from "
            "a copy (`anabranch snapshot restore`), or go on with what is left by `anabranch "
            "rebuild --accept-loss`; durability 'strict' prevents the loss",
        )
        self.position = position
        self.last = last


class LogReplaced(SetupInvalid):
    """The log is empty, but a graph was filled from one before it: its stream was made anew."""

    def __init__(self) -> None:
        super().__init__(
            "the log is empty, and the graph was filled from another one: the log's stream was "
            "deleted, or the server is not the one of before",
            fix="restore the log from a copy (`anabranch snapshot restore`, `anabranch events "
            "import`), or go back to its server; to begin with nothing: `anabranch rebuild "
            "--accept-loss`",
        )


class ServerOutdated(SetupInvalid):
    """The NATS server is older than this version needs."""


class StreamDrifted(SetupInvalid):
    """The stream exists with other settings; `differences` names each one."""

    def __init__(self, stream: str, differences: dict[str, tuple[object, object]]) -> None:
        named = "; ".join(
            f"{name} is {actual!r}, must be {wanted!r}"
            for name, (actual, wanted) in sorted(differences.items())
        )
        super().__init__(
            f"stream {stream} has other settings than Anabranch needs: {named}",
            fix="set the stream back (a FastStream JStream without declare=False resets it), "
            "or point NATS_URL at another server",
        )
        self.stream = stream
        self.differences = differences


class ServerMissing(SetupInvalid):
    """The managed nats-server is not installed or does not start."""
