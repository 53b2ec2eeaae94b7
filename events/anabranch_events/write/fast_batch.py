"""JetStream's fast ingest: one acknowledgement for many events, none past a missing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch_events.errors import EventInvalid, LogUnavailable
from anabranch_events.event.identifiers import new_id
from anabranch_events.jetstream.api import Refused, translated
from anabranch_events.transport.inbox import NO_RESPONDERS, STATUS
from anabranch_events.write.append import subject_of
from anabranch_events.write.atomic_batch import position_in
from anabranch_events.write.pipeline import ImportProgress, Pipeline, outgoing_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events.transport.connection import Connection

FLOW_EVENTS: Final = 200
_START, _APPEND, _END, _PING = 0, 1, 3, 4
_UNKNOWN: Final = 10208
_TOO_MANY: Final = 10211


class FastBatchPipeline(Pipeline):
    """Events on their way in a fast batch: a series whose numbers must have no gap.

    The meaning of an acknowledgement stands in the subject it is answered on:
    <inbox>.<batch>.<flow>.fail.<number in the batch>.<operation>.$FI (ADR-50).

    With `fail` the server drops the batch at the first event that is missing or refused. So the
    stored part is always the batch's beginning. After that, and after a lost connection, a new
    batch begins with the oldest event that was not acknowledged.
    """

    def __init__(
        self, connection: Connection, *, progress: Callable[[ImportProgress], None] | None
    ) -> None:
        super().__init__(connection, progress=progress)
        self._batch = ""
        self._base = 0  # the number of the batch's first event
        self._begun = False
        self._ending = False
        self._end_sent = False

    async def finish(self) -> ImportProgress:
        """End the batch and return where the last event stands. Raises the errors of `ingest`."""
        self._ending = True
        await super().finish()
        if self._last is None:
            return self._done
        out = outgoing_of(self._last)
        position = await position_in(self._connection, out)
        if not position:
            raise EventInvalid(
                f"event {out.event.id} was taken for a repetition of another session's",
                field="id",
                fix="give every event an id of its own; `new_event` makes one",
            )
        self._position = position
        await self._report()
        return self._done

    def _begin(self, first: int) -> None:
        self._batch = new_id()
        self._base = first
        self._begun = self._end_sent = False

    def _has_begun(self, first: int) -> bool:
        del first
        return self._begun

    def _replies(self, first: int, count: int) -> list[str]:
        place = first - self._base + 1
        before = f"{self._prefix}{self._batch}.{FLOW_EVENTS}.fail."
        after = f".{_APPEND}.$FI"
        found = [f"{before}{each}{after}" for each in range(place, place + count)]
        if place == 1:
            found[0] = self._asking(first, _START)
        return found

    def _asking(self, number: int, what: int) -> str:
        place = number - self._base + 1
        return f"{self._prefix}{self._batch}.{FLOW_EVENTS}.fail.{place}.{what}.$FI"

    async def _progressed(self, patience_s: float) -> None:
        """Ask for the server's progress, or end the batch, and wait: an answer may be far away."""
        if self._window and self._begun and not self._end_sent:
            after_last = self._oldest + len(self._window)
            self._end_sent = self._ending
            reply = (
                self._asking(after_last, _END)
                if self._ending
                else self._asking(after_last - 1, _PING)
            )
            await self._publish_messages([(subject_of(self._window[-1][0]), reply, "", b"")])
        await super()._progressed(patience_s)

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Take in the server's status of the batch."""
        del reply
        if not subject.startswith(f"{self._prefix}{self._batch}."):
            return
        if not data and headers and headers.get(STATUS) == NO_RESPONDERS:
            self._on_lost()
            return
        answer: dict[str, Any] = orjson.loads(data)
        if (error := answer.get("error")) is not None:
            self._refused(
                Refused(error.get("err_code", 0), error["code"], error.get("description", ""))
            )
        elif answer.get("type") == "ack":
            self._begun = True
            self._take_up_to(answer["seq"])
            self._changed.set()
        elif self._ending and answer.get("count") == self._oldest - self._base + len(self._window):
            self._take_up_to(answer["count"])
            self._changed.set()
        else:
            self._on_lost()  # A gap, or the end of a batch that we have not ended.

    def _refused(self, refused: Refused) -> None:
        """Begin again after a passing refusal, give up otherwise."""
        error = translated(refused)
        if refused.code in {_UNKNOWN, _TOO_MANY} or isinstance(error, LogUnavailable):
            self._on_lost()
        else:
            self._fail(error)

    def _take_up_to(self, place: int) -> None:
        """Strike everything off the window up to a place in the batch."""
        self._strike(min(max(self._base + place - self._oldest, 0), len(self._window)))
