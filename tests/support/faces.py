"""Both faces of a memory, asked alike: the synchronous one is called in threads, and awaited."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, cast

import anabranch.sync
from anabranch import Memory
from anabranch.loop_thread import Face

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from anabranch.settings import Settings

FACES = ("async", "sync")


def opened(face: str, settings: Settings) -> Memory:
    """Return a memory by one of its faces, to be entered by `async with`."""
    return Memory.open(settings=settings) if face == "async" else cast("Memory", _Opening(settings))


class _Awaited:
    """A synchronous object whose methods are awaited, and whose iterators are asynchronous."""

    def __init__(self, wrapped: object) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._wrapped, name)
        if not inspect.ismethod(value):
            return _awaited(value)

        def call(*arguments: Any, **options: Any) -> Any:
            if name in {"replay", "follow", "watch"}:
                return _iterated(value(*arguments, **options))
            return _called(value, *arguments, **options)

        return call

    def __repr__(self) -> str:
        return repr(self._wrapped)

    async def __aenter__(self) -> Any:
        return _awaited(await asyncio.to_thread(cast("Any", self._wrapped).__enter__))

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(cast("Any", self._wrapped).__exit__, *error)


class _Opening:
    """A synchronous memory that is opened when it is entered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __aenter__(self) -> Any:
        open_memory = anabranch.sync.Memory.open
        self._memory = await asyncio.to_thread(open_memory, settings=self._settings)
        return _awaited(self._memory)

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._memory.__exit__, *error)


def _awaited(value: Any) -> Any:
    return _Awaited(value) if isinstance(value, Face) else value


async def _called(method: Any, *arguments: Any, **options: Any) -> Any:
    return _awaited(await asyncio.to_thread(method, *arguments, **options))


async def _iterated(values: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    try:
        while (one := await asyncio.to_thread(next, values, end)) is not end:
            yield one
    finally:
        cast("Any", values).close()
