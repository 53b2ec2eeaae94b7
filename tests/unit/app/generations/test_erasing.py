"""The erasure of forgotten content from the files of a home, beside others who do the same."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr

from anabranch.generations import erasing, generations
from anabranch.home.folder import Home
from anabranch_store import GraphAddress
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import pytest

    from anabranch.backend.backend import Backend


def _generation(name: str) -> GraphAddress:
    return GraphAddress(
        uri="bolt://127.0.0.1:1",
        username="root",
        password=SecretStr("secret"),
        database=name,
        admin_url="http://127.0.0.1:2",
    )


class _Joined:
    """The servers of a home that its owner moved from `first` to `second` meanwhile."""

    explained = None

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.graph = _generation("first")

    def refresh(self) -> None:
        """Read where the live graph is by now."""
        self.graph = _generation("second")

    async def patiently(self, ask: Callable[[], Awaitable[list[str]]]) -> list[str]:
        """Ask."""
        return await ask()


async def test_the_live_graph_is_not_dropped_where_another_process_has_just_moved_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two forget at once: the second takes the lock when the first has rebuilt the graph."""
    dropped: list[str | None] = []

    async def names(*_: object, **__: object) -> list[str]:
        return ["first", "second"]

    async def drop(address: GraphAddress, **_: object) -> None:
        dropped.append(address.database)

    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr(generations, "database_names", names)
    monkeypatch.setattr(erasing, "drop_database", drop)
    monkeypatch.setattr(erasing, "drop_scratch", nothing)
    backend = cast("Backend", SimpleNamespace(servers=_Joined(tmp_path)))

    await erasing._drop_others(backend)  # pyright: ignore[reportPrivateUsage]

    assert dropped == ["first"]


class _Erasure:
    """The erasure of a namespace in which a forgetting was left, that fails at first."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.runs = 0
        self.done = asyncio.Event()

    async def due(self) -> set[str]:
        """Return what is left."""
        return set() if self.done.is_set() else {"insight-1"}

    async def run(self) -> None:
        """Fail, or be done."""
        self.runs += 1
        if self.runs <= self.failures:
            raise OSError("the disk is away")
        self.done.set()


class _Log:
    rights = "all"

    def __init__(self, erasures: dict[str, _Erasure]) -> None:
        self.erasure = erasures.__getitem__
        self._names = dict.fromkeys(erasures, 1)

    async def sealed_namespaces(self) -> dict[str, int]:
        """Return the namespaces."""
        return self._names


async def test_an_erasure_that_failed_is_tried_again_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the error was; the watch of the owner goes on."""
    broken, whole = _Erasure(2), _Erasure(0)
    log = _Log({"broken": broken, "whole": whole})
    servers = SimpleNamespace(projects=True, role="outside")
    monkeypatch.setattr(erasing, "_PAUSE_S", 0.0)

    async with erasing.erasing_files(cast("Backend", SimpleNamespace(log=log, servers=servers))):
        async with asyncio.timeout(PATIENCE_S):
            await whole.done.wait()
            await broken.done.wait()

    assert (broken.runs, whole.runs) == (3, 1)
