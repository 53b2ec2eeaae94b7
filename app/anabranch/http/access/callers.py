"""Callers: in whose name a request is asked, and what that one may do."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from anabranch.api.fixes import OPERATORS
from anabranch.errors import NotPermitted

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from starlette.datastructures import Headers

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "admin")
_NOBODY: Final = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: its name for the audit, its scopes, its namespaces (None: all of them).

    `proof` is by what it was known.
    """

    name: str
    scopes: frozenset[Scope]
    namespaces: frozenset[str] | None
    proof: str = ""

    @property
    def everywhere(self) -> bool:
        """True for one who may do everything in every namespace."""
        return self.namespaces is None and "admin" in self.scopes

    def need(self, scope: Scope) -> None:
        """Raise NotPermitted without a scope; `admin` has the others, `write` has `read`."""
        if SCOPES.index(scope) > max(map(SCOPES.index, self.scopes), default=-1):
            raise NotPermitted(
                f"the key has no scope `{scope}`",
                fix=f"ask {OPERATORS} for a key that was made with `--scope {scope}`, or use a token "
                f"with `anabranch:{scope}`",
            )

    def namespace(self, asked: str | None, *, default: str) -> str:
        """Return the namespace that is meant. Raises NotPermitted for one of others."""
        if self.namespaces is None:
            return default if asked is None else asked
        if asked is None and len(self.namespaces) == 1:
            return next(iter(self.namespaces))
        found = default if asked is None else asked
        if found not in self.namespaces:
            raise NotPermitted(
                f"the key does not permit the namespace {found!r}",
                fix="name one of the key's namespaces in the address: ?namespace=NAME; which those "
                f"are say {OPERATORS}, or the token's own claim of namespaces",
            )
        return found


EVERYBODY: Final = Caller(_NOBODY, frozenset(SCOPES), None)
"""The caller where no keys are needed: this machine's own users, over loopback."""


class Access(Protocol):
    """The way in which callers are known."""

    async def caller(self, headers: Headers) -> Caller:
        """Return the caller of a request. Raises KeyRefused and TooManyRequests."""
        ...

    def holds(self, caller: Caller) -> bool:
        """Tell whether what the caller showed still holds."""
        ...

    def note(self, caller: Caller, *, operation: str, namespace: str, status: int) -> None:
        """Note for the audit what a caller did."""
        ...

    def spending(
        self, caller: Caller, operation: str, asked: object
    ) -> AbstractAsyncContextManager[None]:
        """Run an operation within what the caller may spend. Raises QuotaUsed."""
        ...


class OpenAccess:
    """Access without keys: everybody who reaches the service is this machine's own."""

    async def caller(self, headers: Headers) -> Caller:
        """Return everybody."""
        del headers
        return EVERYBODY

    def holds(self, caller: Caller) -> bool:
        """Tell that it holds."""
        return caller is EVERYBODY

    def note(self, caller: Caller, *, operation: str, namespace: str, status: int) -> None:
        """Note nothing: there is nobody to tell apart."""

    def spending(
        self, caller: Caller, operation: str, asked: object
    ) -> AbstractAsyncContextManager[None]:
        """Bound nothing."""
        del caller, operation, asked
        return nullcontext()
