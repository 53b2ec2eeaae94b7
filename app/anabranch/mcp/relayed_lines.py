"""The lines between a relay and the `up` that it hands a client's messages to.

Each line is a JSON-RPC message of the client's conversation, passed on unchanged. Two kinds are
our own. A relay begins with the hello. The `up` sends an account of the client's open sessions,
which the relay shows to the next `up`. Both ends import this: it is plain.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

import orjson

HOST: Final = "127.0.0.1"
LINE_BYTES_MAX: Final = 16 * 1024 * 1024
_ACCOUNT: Final = b'{"anabranch.sessions":'
Account = list[list[str | None]]


class Hello(NamedTuple):
    """The first line of a relay: who it speaks for, and what is open already.

    `token` shows that the relay may read the home. `instance` stands for the client in all
    conversations of one relay, so that a call that is sent again is the same call. `variables` are
    those of the client's environment that name its session.
    """

    token: str
    namespace: str
    instance: str
    agent: str | None
    parent_id: str | None
    variables: dict[str, str]
    sessions: Account

    def line(self) -> bytes:
        """Return the line."""
        return orjson.dumps(self._asdict()) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self | None:
        """Return the hello of a line, None where it is none."""
        try:
            return cls(**orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError):
            return None


def account_line(account: Account) -> bytes:
    """Return the line that gives an account."""
    return _ACCOUNT + orjson.dumps(account) + b"}\n"


def account_in(line: bytes) -> Account | None:
    """Return the account of a line, None where it is a message."""
    if not line.startswith(_ACCOUNT):
        return None
    found: dict[str, Account] = orjson.loads(line)
    (account,) = found.values()
    return account
