"""An audit that keeps in memory who was noted, and with which status."""

from __future__ import annotations

from anabranch.http.access.audit import Audit


class NotedAudit(Audit):
    """The entries of an audit, without a log."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, int]] = []

    def note(self, key_id: str, *, operation: str, namespace: str, status: int) -> None:
        """Keep the entry of one who was not let in, and so did nothing anywhere."""
        assert (operation, namespace) == ("", "")
        self.noted.append((key_id, status))
