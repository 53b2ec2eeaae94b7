"""The errors of the parts that users touch, in the tree rooted in `anabranch_events.errors`.

::

    AnabranchError
    ├── AccessRefused            the caller may not do this
    │   ├── HostRefused          the request is for another host, or comes from another site
    │   ├── KeyRefused           no key was sent, or none that holds
    │   └── NotPermitted         the key does not permit it
    ├── InputInvalid
    │   ├── AnswerTooLarge       what was asked for does not fit in one message
    │   ├── ExportDamaged        an export was changed since it was written
    │   ├── IdAmbiguous          several ids have what was given
    │   ├── MediaRefused         a body is of a type that is not taken
    │   ├── MethodRefused        an address of the HTTP service takes other methods
    │   ├── PositionFromFuture   a position the log has not reached
    │   ├── RequestTooLarge      a request is larger than the service takes
    │   ├── RequestUnfinished    a request did not come whole in time
    │   ├── ScopeNeedsSession    a scope around a session, and no session is named
    │   ├── SessionsUnread       of the files that agent tools wrote none could be read
    │   ├── SnapshotDamaged      a snapshot was changed since it was taken
    │   ├── SettingInvalid       an environment variable breaks a rule
    │   ├── TenantsInvalid       the tenants file breaks a rule
    │   └── UsageInvalid         the command line breaks a rule
    ├── NotFound
    │   ├── ConflictNotFound     no conflict was opened at the position
    │   ├── EventNotFound
    │   ├── HistoryNotFound      no event names the thing
    │   ├── GenerationNotFound   no generation of the graph has this name
    │   ├── KeyNotFound          no API key has this id or name
    │   ├── NamespaceNotFound    nothing was ever written to the namespace
    │   ├── NothingRunning       there is nothing to end
    │   └── RouteNotFound        the HTTP service has no such address
    ├── Conflict
    │   ├── AlreadyRunning       `anabranch up` runs on this home
    │   ├── FileExists           a file that was to be written is there already
    │   ├── GenerationRefused    a generation cannot be used, or not be dropped
    │   ├── HomeMismatched       the home is open on other servers
    │   ├── InsightEnded         an insight that is to be replaced holds no longer
    │   └── NamespaceInUse       tenants use a namespace to delete or to seal
    ├── Unavailable
    │   ├── HomeBusy             its owner is starting or ending
    │   ├── OwnerGone            the servers ended with their owner, and none came back
    │   ├── ServerEnded          a server of ours ended by itself
    │   ├── ServiceBusy          the service has as many requests as it takes
    │   └── TooManyRequests      a caller asks more often than it may
    │       └── QuotaUsed        a key has used up what it may store or ask in a day
    └── SetupInvalid
        ├── LoopBlocked          a synchronous call on the loop that should answer it
        ├── MemoryNotOpen        a memory is used before it is opened, or after it is closed
        ├── HomeUnwritable
        ├── HomeFull             the disk is full
        ├── BindRefused          the HTTP service may not be reachable from elsewhere as it is
        ├── ExporterMissing      no such exporter of traces is installed
        ├── PortTaken
        ├── ClientSettingsInvalid  the settings of an agent's client cannot be changed
        ├── FrameworkMissing     the framework of an adapter is not installed
        ├── McpMissing           what `anabranch mcp` is made of is not installed
        ├── RedactionMissing     the rules that find secrets are not installed
        ├── ServiceMissing       what `anabranch up` is made of is not installed
        └── ServiceFailed        `up` did not come up
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from anabranch_events.errors import (
    AnabranchError,
    Conflict,
    EventInvalid,
    InputInvalid,
    NotFound,
    SetupInvalid,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

__all__ = [
    "AccessRefused",
    "AlreadyRunning",
    "AnabranchError",
    "AnswerTooLarge",
    "BindRefused",
    "ClientSettingsInvalid",
    "Conflict",
    "ConflictNotFound",
    "EventInvalid",
    "EventNotFound",
    "ExportDamaged",
    "ExporterMissing",
    "FileExists",
    "FrameworkMissing",
    "GenerationNotFound",
    "GenerationRefused",
    "HistoryNotFound",
    "HomeBusy",
    "HomeFull",
    "HomeMismatched",
    "HomeUnwritable",
    "HostRefused",
    "IdAmbiguous",
    "InputInvalid",
    "KeyNotFound",
    "KeyRefused",
    "LoopBlocked",
    "McpMissing",
    "MediaRefused",
    "MemoryNotOpen",
    "MethodRefused",
    "NamespaceNotFound",
    "NotFound",
    "NotPermitted",
    "NothingRunning",
    "OwnerGone",
    "PortTaken",
    "PositionFromFuture",
    "QuotaUsed",
    "RedactionMissing",
    "RequestTooLarge",
    "RequestUnfinished",
    "RouteNotFound",
    "ScopeNeedsSession",
    "ServerEnded",
    "ServiceBusy",
    "ServiceFailed",
    "ServiceMissing",
    "SessionsUnread",
    "SettingInvalid",
    "SetupInvalid",
    "SnapshotDamaged",
    "TenantsInvalid",
    "TooManyRequests",
    "Unavailable",
    "UsageInvalid",
    "from_os_error",
]


class AnswerTooLarge(InputInvalid):
    """The answer does not fit in one message of the NATS server."""

    def __init__(self, size: int, *, size_max: int) -> None:
        super().__init__(
            f"the answer has {size} bytes, and the NATS server takes messages of {size_max}",
            field="k",
            fix="ask for fewer at a time, or have the NATS server take larger messages",
        )


class ExportDamaged(InputInvalid):
    """An export was changed since it was written. `line` is the first that was, 0 for the whole."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(
            f"line {line}: {message}" if line else message,
            field="file",
            fix="export again, or use another copy; what stands before is good",
        )
        self.line = line


class SessionsUnread(InputInvalid):
    """Of the files that agent tools wrote none could be read. Nothing was stored."""

    def __init__(self) -> None:
        super().__init__(
            "where: there are files, and no session could be read of any of them",
            field="where",
            fix="see the warnings; name files as a tool wrote them, or a copy from before the damage",
        )


class SnapshotDamaged(InputInvalid):
    """A snapshot was changed since it was taken, or is none. Nothing was restored."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(
            f"the snapshot {path} is damaged: {reason}",
            field="file",
            fix="use another copy, or take it again; `anabranch events verify` checks exports",
        )
        self.path = path


class IdAmbiguous(InputInvalid):
    """Several ids begin or end with what was given; `matches` are those, with what they say."""

    def __init__(self, given: str, matches: Sequence[str]) -> None:
        super().__init__(
            f"several ids begin or end with {given}: {', '.join(matches)}",
            field="id",
            fix="give more of it, or the whole id",
        )
        self.matches = tuple(matches)


class FileExists(Conflict):
    """The file that was to be written is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is there already", fix="name another file, or say --force to replace it"
        )
        self.path = path


class PositionFromFuture(InputInvalid):
    """The position lies beyond the log's end: nothing has happened there yet."""

    def __init__(self, position: int, *, last: int, field: str) -> None:
        super().__init__(
            f"position {position} is in the future: the log ends at {last}",
            field=field,
            fix=f"use a position from 0 to {last}; `anabranch status` says where the log ends",
        )
        self.position = position
        self.last = last


class RequestTooLarge(InputInvalid):
    """A request is larger than the command service takes; `field` is the part of it that is."""

    def __init__(self, size: int, *, size_max: int, field: str = "body") -> None:
        super().__init__(
            f"the {field} of the request has {size} bytes, at most {size_max} are taken",
            field=field,
            fix="send less at a time",
        )


class RequestUnfinished(InputInvalid):
    """The request did not come whole within the time that one may take."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            f"the body did not come whole within {timeout_s:g} s",
            field="body",
            fix="send it again, in one go; with the same Idempotency-Key it is stored once",
        )


class MediaRefused(InputInvalid):
    """The body is of a media type that this address does not take."""

    def __init__(
        self,
        given: str,
        *,
        header: str = "Content-Type",
        fix: str = "send JSON, with Content-Type: application/json",
    ) -> None:
        super().__init__(f"{header}: {given[:100]!r} is not taken here", field=header, fix=fix)


class MethodRefused(InputInvalid):
    """The address takes other methods than this one: `allowed`."""

    def __init__(self, method: str, path: str, *, allowed: Collection[str]) -> None:
        super().__init__(
            f"{path[:200]} does not take {method[:20]}",
            field="method",
            fix=f"send {' or '.join(sorted(allowed))}; /docs says what there is",
        )
        self.allowed = frozenset(allowed)


class AccessRefused(AnabranchError):
    """The caller may not do this: to ask again the same way does not help."""


class HostRefused(AccessRefused):
    """The request is for another host than this service, or a page of another site sent it."""


class KeyRefused(AccessRefused):
    """There is no API key or token with the request, or none that holds.

    `shown` tells whether there was one.
    """

    def __init__(self, message: str, *, fix: str, shown: bool = False) -> None:
        super().__init__(message, fix=fix)
        self.shown = shown


class NotPermitted(AccessRefused):
    """The API key does not permit this."""


class ScopeNeedsSession(InputInvalid):
    """The scope is drawn around a session, and none was named."""

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"the scope {scope!r} is drawn around a session, and no session is named",
            field="session_id",
            fix="name the session, or use the scope 'namespace'",
        )
        self.scope = scope


class SettingInvalid(InputInvalid):
    """A setting breaks a rule; `field` is the environment variable."""


class TenantsInvalid(InputInvalid):
    """The tenants file breaks a rule; `field` is what to correct in it."""


class UsageInvalid(InputInvalid):
    """The command line names an option, a command or a value that is not there."""


class ConflictNotFound(NotFound):
    """No conflict of this namespace was opened at the position."""

    def __init__(self, position: int, *, namespace: str) -> None:
        super().__init__(
            f"namespace {namespace!r} has no conflict that was opened at position {position}",
            fix="list them with `anabranch conflicts list --all`, or check the namespace",
        )
        self.position = position
        self.namespace = namespace


class InsightEnded(Conflict):
    """The insight holds no longer; `current` are the insights that hold in its place."""

    def __init__(self, insight_id: str, *, why: str | None, current: Sequence[str]) -> None:
        several = len(current) > 1
        hold, those = ("hold", "the one that is meant") if several else ("holds", "that one")
        found = f"; in its place {hold} {' and '.join(current)}" if current else ""
        super().__init__(
            f"insight {insight_id} holds no longer ({why or 'retired'}){found}",
            fix=f"update {those}, or say `anyway` to put one more beside what holds"
            if current
            else "remember the text as a new insight, or say `anyway`",
        )
        self.insight_id = insight_id
        self.current = tuple(current)


class EventNotFound(NotFound):
    """No event of this namespace stands at the position."""

    def __init__(self, position: int, *, namespace: str) -> None:
        super().__init__(
            f"namespace {namespace!r} has no event at position {position}",
            fix="list its events with `anabranch replay`, or check the namespace",
        )
        self.position = position
        self.namespace = namespace


class HistoryNotFound(NotFound):
    """No event of this namespace, up to the moment asked for, names the thing."""

    def __init__(self, thing_id: str, *, namespace: str, to: int) -> None:
        super().__init__(
            f"no event of namespace {namespace!r} up to position {to} names {thing_id}",
            fix="give the id of a session, an insight or a consolidation, or check the namespace",
        )
        self.thing_id = thing_id
        self.namespace = namespace


class GenerationNotFound(NotFound):
    """No generation of the graph has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no generation {name}", fix="`anabranch graph generations` lists them"
        )
        self.name = name


class GenerationRefused(Conflict):
    """A generation of the graph cannot be used or cannot be dropped; the message says why."""


class RouteNotFound(NotFound):
    """The HTTP service has no such address."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is nothing at {path[:200]}", fix="see /docs for what there is")


class KeyNotFound(NotFound):
    """No API key has this id or name."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"there is no API key {key_id!r}", fix="list them with `anabranch keys list`"
        )


class NothingRunning(NotFound):
    """No `anabranch up` runs on this home."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"nothing runs on {home}", fix="start it with `anabranch up`, or name the home"
        )
        self.home = home


class AlreadyRunning(Conflict):
    """Another process owns this home's servers."""

    def __init__(self, home: Path, *, pid: int | None, fix: str | None = None) -> None:
        who = f"process {pid}" if pid else "another process"
        usual = "use it as it is, end it with `anabranch down`, or name another home"
        super().__init__(f"{who} already runs on {home}", fix=fix or usual)
        self.home = home
        self.pid = pid


class HomeMismatched(Conflict):
    """The home is open on other servers than the settings name."""


class NamespaceNotFound(NotFound):
    """Nothing was ever written to the namespace, and it was never sealed."""

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"there is no namespace {namespace!r}: nothing was ever written to it",
            fix="list them with `anabranch namespace list`",
        )
        self.namespace = namespace


class NamespaceInUse(Conflict):
    """The namespace to delete, or to seal, is one that tenants may write to, or project."""

    def __init__(self, namespace: str, *, users: Sequence[str]) -> None:
        super().__init__(
            f"the namespace {namespace!r} is used by the tenants {', '.join(users)}",
            fix="take it, and projectors, out of the tenants file, start `anabranch up` with that "
            "again, and repeat this then",
        )
        self.namespace = namespace
        self.users = tuple(users)


class HomeBusy(Unavailable):
    """The home's owner is still starting or ending."""


class OwnerGone(Unavailable):
    """The home's servers have ended with their owner, and none came back within the time limit.

    Nothing that was acknowledged is lost. A memory that is open goes on by itself once they run.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"the process that ran the servers of {home} has ended, and none has taken its place",
            fix="start them with `anabranch up --detach` and try again: what is open reconnects "
            "by itself",
        )
        self.home = home


class ServerEnded(Unavailable):
    """A server that this process runs has ended by itself; what was acknowledged is on disk."""


class ServiceBusy(Unavailable):
    """The command service has as many requests in work and waiting as it takes."""


class TooManyRequests(Unavailable):
    """The caller asks more often than it may; `retry_after_s` says how long to wait."""

    def __init__(
        self, retry_after_s: float, *, message: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(
            message or "this key has used up its requests for now",
            fix=fix or f"ask again in {retry_after_s:.1f} s, or more slowly",
        )
        self.retry_after_s = retry_after_s


class QuotaUsed(TooManyRequests):
    """The key has used up what it may store, or ask in Cypher, in a day."""

    def __init__(
        self, limit: str, value: float, *, retry_after_s: float, at_work: bool = False
    ) -> None:
        unit = " s" if limit == "cypher" else ""
        left = "those at work may take what is left" if at_work else "not enough are left of them"
        when = "once they have ended" if at_work else "after midnight UTC"
        super().__init__(
            retry_after_s,
            message=f"{limit}: this key has {value:g}{unit} a day, and {left}",
            fix=f"ask again {when}, ask for less, or use a key with a higher limit",
        )
        self.limit = limit


class BindRefused(SetupInvalid):
    """The HTTP service may not be reachable from elsewhere the way it was to be started."""


class ExporterMissing(SetupInvalid):
    """OTEL_TRACES_EXPORTER names an exporter that is not installed."""


class FrameworkMissing(SetupInvalid, ImportError):
    """The framework that an adapter is for is not installed; `extra` brings it."""

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(
            f"this adapter needs {package}, which is not installed",
            fix=f'install it: pip install "anabranch[{extra}]"',
        )
        self.extra = extra


class HomeUnwritable(SetupInvalid):
    """The home cannot be made or written."""


class HomeFull(SetupInvalid):
    """The disk that holds the home is full."""


class LoopBlocked(SetupInvalid):
    """A synchronous call was made on the memory's own loop, where it would wait for itself."""

    def __init__(self) -> None:
        super().__init__(
            "a synchronous call was made by a coroutine or a callback that runs on the memory's loop",
            fix="make it in a plain function or another thread, or await the asynchronous one: that "
            "of `anabranch.Memory`, or the adapter's own",
        )


class MemoryNotOpen(SetupInvalid):
    """A memory was used before it was opened, or after it was closed."""

    def __init__(self) -> None:
        super().__init__(
            "this memory is not open",
            fix="use it within `async with Memory.open(...) as memory`, or await it and close it "
            "at the end; with `anabranch.sync` it is `with Memory.open(...) as memory`",
        )


class PortTaken(SetupInvalid):
    """Another process listens on the port."""


class RedactionMissing(SetupInvalid):
    """The rules by which secrets are found in imported sessions are not installed."""


class McpMissing(SetupInvalid):
    """The SDK of the Model Context Protocol, by which `anabranch mcp` speaks, is not installed."""


class ClientSettingsInvalid(SetupInvalid):
    """The settings file of an agent's client cannot be read, or not be written."""


class ServiceMissing(SetupInvalid):
    """The service frame that `anabranch up` runs in is not installed."""


class ServiceFailed(SetupInvalid):
    """`anabranch up` was not ready in time, or ended; `log` names the file that says why.

    `code` is the exit code it ended with.
    """

    def __init__(self, message: str, *, log: Path, code: int, fix: str | None = None) -> None:
        where = f"read {log}, or run `anabranch up` in the foreground"
        super().__init__(message, fix=f"{fix}; or else {where}" if fix else where)
        self.log = log
        self.code = code


def from_os_error(error: OSError, home: Path) -> SetupInvalid:
    """Translate what the operating system said about the home into an error of the tree."""
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return HomeFull(
            f"the disk of {home} is full: {reason}",
            fix="free some space, or set ANABRANCH_HOME to a folder on another disk",
        )
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"a port is taken: {reason}", fix="end the process that listens there, or try again"
        )
    return HomeUnwritable(
        f"the home {home} cannot be used: {reason}",
        fix="set ANABRANCH_HOME (or --home) to a folder that you can write",
    )
