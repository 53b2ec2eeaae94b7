"""Turns of Codex that were taken back, and forks that copied their origin's records."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.codex_files import END, Rollout, Thread, ordinals
from anabranch.importers.readers.codex_items import asked_in
from anabranch.importers.records.chains import Node
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import kind_of, object_of, time_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

_AT_ONCE: Final = timedelta(seconds=1)


def asked(found: dict[str, Any]) -> str | None:
    """Return what a person asked in a record, with which a turn begins; None in all others."""
    payload = object_of(found.get("payload"))
    is_user = kind_of(payload) == "message" and payload.get("role") == "user"
    return asked_in(payload) if is_user else None


def rolls_back(rollout: Rollout, holds: Callable[[Path, bytes], bool]) -> bool:
    """Tell without parsing it whether a file says anywhere that turns were taken back.

    In a paginated history, of later releases, none are: a second file begins where one is reverted.
    """
    is_paginated = rollout.meta.get("history_mode") == "paginated"
    return not is_paginated and holds(rollout.path, b'"thread_rolled_back"')


def nodes_of(rollout: Rollout) -> Iterator[Node]:
    """Yield a file's records in a chain: turns that were taken back are beside it."""
    begun: list[str | None] = []
    before: str | None = None
    place = 0
    for record in ordinals(rollout):
        if isinstance(record, Broken):
            continue
        payload = object_of(record[1].get("payload"))
        name = str(place)
        turn = asked(record[1]) is not None
        if turn:
            begun.append(before)
        count = payload.get("num_turns")
        if (
            kind_of(payload) == "thread_rolled_back"
            and isinstance(count, int)
            and begun
            and count > 0
        ):
            before = begun[-count] if count <= len(begun) else begun[0]
            del begun[-count:]
        yield Node(name, before, speaks=turn)
        before, place = name, place + 1


def copied_until(rollout: Rollout, origin: Rollout | None) -> int:
    """Return the ordinal before which a fork's records are its origin's.

    They are compared. Where the origin is gone, they are those that were written at once.
    """
    theirs = (one for one in ordinals(origin) if not isinstance(one, Broken)) if origin else None
    last: datetime | None = None
    ordinal = 0
    for ordinal, found in (one for one in ordinals(rollout) if not isinstance(one, Broken)):
        payload = object_of(found.get("payload"))
        if payload.get("id") == rollout.thread_id and kind_of(found) == "session_meta":
            continue
        if theirs is not None:
            other = next(theirs, None)
            if other is None or (kind_of(other[1]), other[1].get("payload")) != (
                kind_of(found),
                payload,
            ):
                return ordinal
        time = time_of(found.get("timestamp"))
        if theirs is None and last and time and time - last > _AT_ONCE:
            return ordinal
        last = time or last
    return ordinal + 1


def mark_forks(threads: Mapping[str, Thread]) -> None:
    """Mark in their origins where forks left that hold a copy of it, instead of a reference."""
    for thread in threads.values():
        first = thread.first
        origin = threads.get(first.forked_from or "")
        if origin is None or origin is thread or first.is_subagent or first.base_id:
            continue
        origin.first.forks.append((_left_at(first, origin.first), thread))


def _left_at(fork: Rollout, origin: Rollout) -> int:
    """Return the ordinal of the first question of the origin that the fork does not have."""
    ours = (text for _, text, _ in _questions(fork))
    for ordinal, text, time in _questions(origin):
        if (time and time > fork.time) or next(ours, None) != text:
            return ordinal
    return END


def _questions(rollout: Rollout) -> Iterator[tuple[int, str, datetime | None]]:
    for record in ordinals(rollout):
        if not isinstance(record, Broken) and (text := asked(record[1])) is not None:
            yield record[0], text, time_of(record[1].get("timestamp"))
