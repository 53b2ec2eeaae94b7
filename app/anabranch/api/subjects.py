"""The subjects on which a process of this home, or of this log, is asked."""

from __future__ import annotations

from typing import Final

COMMANDS: Final = "anabranch.commands."
"""Followed by the namespace and the operation's name."""
STATUS: Final = "anabranch.home.status."
"""Followed by the instance of the `up` that is asked; the body is the namespace."""
PROBLEM_CODE: Final = "Nats-Service-Error-Code"
"""The header that an answer has which is a problem."""
KEY: Final = "Nats-Msg-Id"
"""The header that makes a request one that may be sent again."""
IDS: Final = "anabranch.home.ids."
"""Followed by the instance of an owner: the newest ids of a namespace, for a shell to complete."""
