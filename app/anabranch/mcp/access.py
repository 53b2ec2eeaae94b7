"""Access to a memory for a server of tools: by the `up` that runs on the home, or opened here.

A client waits seconds, at most, for its server's first answer. So nothing is loaded before that:
the home is joined meanwhile, and the first call waits for it.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from anabranch.api.client import QUESTIONS, client_of
from anabranch_events.errors import WaitTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from anabranch.api.admission import Gate
    from anabranch.api.context import Context
    from anabranch.api.operations import Operation
    from anabranch.memory.memory import Memory
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.plain_settings import PlainSettings
    from anabranch.settings import Settings

_MODULES: Final = ("anabranch.memory.memory", "anabranch.api.operations")


class Access(Protocol):
    """The operations on one namespace, by their names."""

    async def run(
        self, operation: str, request: Mapping[str, Any], *, key: str | None = None
    ) -> Mapping[str, Any]:
        """Return the answer of an operation; with `key` it is the same when it is asked again."""
        ...


class NamespaceAccess:
    """Access to a namespace that is open in this process."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def run(
        self, operation: str, request: Mapping[str, Any], *, key: str | None = None
    ) -> Mapping[str, Any]:
        """Return the answer of an operation; with `key` it is the same when it is asked again."""
        from pydantic import ValidationError

        from anabranch.api.context import Context
        from anabranch.api.operations import OPERATIONS
        from anabranch.api.problem import request_invalid

        found = next(one for one in OPERATIONS if one.name == operation)
        try:
            asked = found.request.model_validate(request)
        except ValidationError as error:
            raise request_invalid(error) from error
        answer = await self._answer(found, Context(self._namespace, key=key), asked)
        return answer.model_dump(mode="json")

    async def _answer(self, operation: Operation, context: Context, asked: BaseModel) -> BaseModel:
        return await operation.run(context, asked)


class SharedAccess(NamespaceAccess):
    """Access to a namespace of which this process is not the only writer, with a bounded load.

    A question knows what is in the log now, as far as the graph gets there in time.
    """

    def __init__(self, namespace: OpenNamespace, *, gate: Gate) -> None:
        super().__init__(namespace)
        self._gate = gate

    async def run(
        self, operation: str, request: Mapping[str, Any], *, key: str | None = None
    ) -> Mapping[str, Any]:
        """Return the answer of an operation; with `key` it is the same when it is asked again."""
        async with self._gate.passed(0):
            if operation not in QUESTIONS or request.get("after") is not None:
                return await super().run(operation, request, key=key)
            end = (await self._namespace.backend.log.bounds()).last
            try:
                return await super().run(operation, {**request, "after": end}, key=key)
            except WaitTimedOut:
                return await super().run(operation, {**request, "wait_s": 0}, key=key)


class HomeAccess:
    """Access to the memory of a home.

    Where an `up` runs it is asked, so that nothing has to be loaded here. Otherwise a memory is
    opened, with `settings`, and stays open until this is closed. `plain` are the settings by which
    an `up` is found; None where settings name other servers.
    """

    def __init__(self, plain: PlainSettings | None, settings: Callable[[], Settings]) -> None:
        self._plain = plain
        self._settings = settings
        self._memory: Memory | None = None
        self._opening: asyncio.Task[Memory] | None = None
        self._closed = False

    @property
    def opening(self) -> bool:
        """True while a memory is being opened here."""
        return self._opening is not None and not self._opening.done()

    def prepare(self) -> None:
        """Begin to open a memory, unless an `up` is there to be asked."""
        if not client_of(self._plain).has_service:
            self._open()

    async def run(
        self, operation: str, request: Mapping[str, Any], *, key: str | None = None
    ) -> Mapping[str, Any]:
        """Return the answer of an operation; with `key` it is the same when it is asked again."""
        if self._opening is None:
            answer = await client_of(self._plain).run(operation, request, key=key)
            if answer is not None:
                return answer
        memory = await self._opened()
        from anabranch.memory.memory import namespace_of

        return await NamespaceAccess(namespace_of(memory)).run(operation, request, key=key)

    async def close(self) -> None:
        """Close the memory, where one was opened, with the servers that it started."""
        self._closed = True
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if not opening.done():
            opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        if self._memory is not None:
            await self._memory.close()

    async def _opened(self) -> Memory:
        opening = self._open()
        try:
            return await asyncio.shield(opening)
        except BaseException:
            if opening.done() and self._opening is opening and not opening.cancelled():
                self._opening = None  # The next call tries again.
            raise

    def _open(self) -> asyncio.Task[Memory]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._opened_here())
            self._opening.add_done_callback(_seen)
        return self._opening

    async def _opened_here(self) -> Memory:
        # In another thread: answers go out while modules are loaded.
        for name in _MODULES:
            await asyncio.to_thread(import_module, name)
        from anabranch.memory.memory import Memory

        memory = Memory(self._settings(), command="mcp")
        await memory
        self._memory = memory
        return memory


def _seen(opening: asyncio.Task[Memory]) -> None:
    """Take note of an error: whoever calls next gets it, or a new try."""
    if not opening.cancelled():
        opening.exception()
