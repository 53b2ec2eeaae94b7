"""Absences of a home's servers: a pause of their operator, a hand-over, or neither."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from anabranch.home.folder import Home

_log = logging.getLogger("anabranch")


class Absences:
    """The plan behind an absence, as the files of the home tell it to a process that joined.

    A pause is an operator's `down`, until the next `up`: it is waited for, at most `bound_s` from
    its begin on.
    """

    def __init__(self, home: Home, *, bound_s: float) -> None:
        self._home = home
        self._bound_s = bound_s
        self._told = 0.0

    def reason(self) -> Literal["paused", "handed over"] | None:
        """Return the plan behind an absence, None where there is none.

        An owner that leaves takes the runtime file away before its servers end; one that was killed
        does not.
        """
        if self.paused():
            return "paused"
        return None if self._home.runtime.exists() else "handed over"

    def paused(self) -> bool:
        """Tell whether an operator paused the home, not longer ago than calls wait for that."""
        try:
            since = self._home.paused.stat().st_mtime
        except OSError:
            return False
        if time.time() - since >= self._bound_s:
            return False
        if self._told != since:
            self._told = since
            _log.warning(
                "the servers of %s were ended by their operator: waiting up to %g s for them",
                self._home.folder,
                self._bound_s,
            )
        return True
