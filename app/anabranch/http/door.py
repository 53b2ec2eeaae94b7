"""The door of the HTTP service: where it listens, and who may come in."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from anabranch.http.access.bind import LOOPBACK
from anabranch.http.server import listening, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anabranch.backend.backend import Backend
    from anabranch.home.folder import Home
    from anabranch.http.access.bind import Bind
    from anabranch.http.access.token_access import TokenAccess

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - they are known, not bound to.


class Door:
    """A listener, and the service behind it once a backend is open.

    Raises BindRefused and PortTaken when it is made.
    """

    def __init__(self, bind: Bind, *, home: Home, tokens: TokenAccess | None = None) -> None:
        bind.check(home, tokens=tokens is not None)
        self._tokens = tokens
        self._bind = bind
        self._home = home
        self._listener = listening(bind.host, bind.port)
        name, number = self._listener.getsockname()[:2]
        scheme = "https" if bind.certificate else "http"
        self.url = f"{scheme}://{f'[{name}]' if ':' in name else name}:{number}"

    @asynccontextmanager
    async def opened(
        self, backend: Backend, *, observe: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncGenerator[None]:
        """Answer requests from `backend` for as long as this is open.

        `observe` is called before the metrics are answered.
        """
        from anabranch.http.application import HttpService

        async with AsyncExitStack() as stack:
            access = None
            if self._bind.needs_keys:
                from anabranch.http.access.audit import Audit
                from anabranch.http.access.key_access import KeyAccess
                from anabranch.http.access.key_file import KeyFile
                from anabranch.http.access.usage import BUCKET, Usage, note_append

                audit = await stack.enter_async_context(Audit(lambda: backend.log.connection))
                usage = await stack.enter_async_context(Usage(lambda: backend.log.bucket(BUCKET)))
                backend.on_append = note_append
                access = KeyAccess(
                    KeyFile(self._home),
                    audit=audit,
                    tokens=self._tokens,
                    usage=usage,
                    query_s=backend.settings.query_timeout_s,
                )
            service = HttpService(
                lambda: backend, hosts=self._hosts(), access=access, observe=observe
            )
            running = serving(
                service,
                self._listener,
                ending=service.close,
                certificate=self._bind.certificate,
            )
            await stack.enter_async_context(running)
            await service.resume()
            yield

    def _hosts(self) -> frozenset[str]:
        """Return the names by which the service is known."""
        own = {self._bind.host.strip("[]").lower()} - _WILDCARDS
        return LOOPBACK | own | {one.lower() for one in self._bind.allowed_hosts}
