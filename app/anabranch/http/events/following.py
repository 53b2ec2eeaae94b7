"""The part of the log that a follower wants: a namespace, one session of it, or one thought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.errors import EventInvalid
from anabranch_events.event.types import BranchCreated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch.http.events.ring import SessionKey
    from anabranch_events import Recorded

_FORK: Final = b"anabranch.branch.created"


class Followed:
    """The events that a follower wants: of a namespace, and of one session, or one thought."""

    def __init__(
        self, namespace: str, *, session_id: str | None = None, thought: set[str] | None = None
    ) -> None:
        self._namespace = namespace
        self._session_id = session_id
        self._thought = thought
        self._root_id: str | None = None

    @property
    def namespace(self) -> str:
        """The namespace whose events are wanted."""
        return self._namespace

    @property
    def session(self) -> SessionKey | None:
        """The one session whose events are wanted, if it is one."""
        return None if self._session_id is None else (self._namespace, self._session_id)

    @classmethod
    def of_thought(cls, namespace: str, *, root_id: str, sessions: Iterable[str]) -> Followed:
        """Return those of a thought: `sessions` began before, others join as they are forked."""
        found = cls(namespace, thought={root_id, *sessions})
        found._root_id = root_id
        return found

    def wants(self, recorded: Recorded) -> bool:
        """Tell whether an event is wanted. Events are asked about in their order."""
        if recorded.namespace != self._namespace:
            return False
        if self._session_id is not None:
            return recorded.session_id == self._session_id
        if self._thought is None:
            return True
        if _FORK in recorded.raw and self._root_of(recorded) == self._root_id:
            self._thought.add(recorded.session_id)
        return recorded.session_id in self._thought

    @staticmethod
    def _root_of(recorded: Recorded) -> str | None:
        try:
            event = recorded.decode()
        except EventInvalid:
            return None
        return event.data.root_id if isinstance(event.data, BranchCreated) else None
