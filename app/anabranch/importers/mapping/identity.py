"""Ids that follow from the transcript: the same record has the same id, whenever it is imported."""

from __future__ import annotations

import uuid
from hashlib import sha1
from typing import Final

_SPACE: Final = uuid.UUID("6e1f2c52-7f5e-5c0e-9c55-5b1a6f0c8d11")


class Identity:
    """Derives the ids of one namespace and one tool from the tool's own ids."""

    def __init__(self, namespace: str, tool: str) -> None:
        self._base = sha1(  # noqa: S324 - as UUIDs of version 5 are made.
            uuid.uuid5(_SPACE, f"{namespace}\n{tool}").bytes
        )

    def session(self, key: str) -> str:
        """Return the id of the session that a line of talk becomes."""
        return self._of("session", key)

    def opening(self, key: str) -> str:
        """Return the id of the event with which a line's session begins, root or branch."""
        return self._of("opening", key)

    def start(self, key: str) -> str:
        """Return the id of the event that a branch's agent began."""
        return self._of("start", key)

    def end(self, key: str) -> str:
        """Return the id of the event with which a line ends."""
        return self._of("end", key)

    def insight(self, record_id: str, aspect: str = "said") -> str:
        """Return the id of an insight, and of its event, out of a record."""
        return self._of(aspect, record_id)

    def note(self, key: str, content: bytes) -> str:
        """Return the id of the event that notes what is known of a line by now."""
        return self._of("note", key, content.hex())

    def _of(self, *parts: str) -> str:
        """Return what `uuid.uuid5` gives; there is one for every record, so it is written out."""
        hashed = self._base.copy()
        hashed.update("\n".join(parts).encode("utf-8", "surrogatepass"))
        digits = hashed.hexdigest()
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
        )
