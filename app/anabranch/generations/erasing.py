"""The erasure of forgotten content from the files of a home, for sealed namespaces.

The log comes first: once the keys are dropped, nothing that they sealed can be read. The graph's
files and the recall index held plain text, and keep the bytes of deleted records. So the embedded
graph is built again from the log and the older generations are dropped; the index begins anew. The
home notes up to which forgetting its files are done. A process that is killed in between leaves the
rest to the next forgetting, or to the next owner of the home.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from anabranch.backend.erasures import erasures, erasures_text, files_done, note_files_done
from anabranch.errors import HomeBusy
from anabranch.generations.generations import address_of, other_generations, sole_rebuild
from anabranch.generations.rebuild import rebuild_beside
from anabranch_events.errors import WaitTimedOut
from anabranch_store import drop_database, drop_scratch
from anabranch_thinking.sessions.receipts import ErasureReceipt

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from anabranch.backend.backend import Backend
    from anabranch_events.erasure import Erased, Erasure

_PAUSE_S: Final = 5.0
_BUSY_S: Final = 0.2
_INDEX_S: Final = 60.0
_GRAPH_MAX_S: Final = 300.0
_log: Final = logging.getLogger("anabranch")


async def finish_forgetting(
    backend: Backend, namespace: str, *, wait: bool = True
) -> ErasureReceipt | None:
    """Erase what was forgotten in a sealed namespace; None for an open one.

    Without `wait` the files are left to the owner of the home, which looks for such work. Raises
    what reading the log and a rebuild raise; the next call goes on.
    """
    if backend.log.rights != "all" or namespace not in await backend.log.sealed_namespaces():
        return None
    erased = await backend.log.erasure(namespace).run()
    if wait:
        await _erase_files(backend)
    return await _receipt(backend, namespace, erased)


@asynccontextmanager
async def erasing_files(backend: Backend) -> AsyncGenerator[None]:
    """Finish forgettings that others left, for as long as this process owns the home."""
    if not backend.servers.projects or backend.log.rights != "all":
        yield
        return
    watching = asyncio.create_task(_watch(backend), name="erases files")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class _Left:
    """Forgettings that are left: those seen twice, for one that is under way ends by itself.

    Whose event is not there was never asked for: it is looked at once.
    """

    def __init__(self) -> None:
        self._seen: dict[str, set[str]] = {}
        self._tried: dict[str, set[str]] = {}

    async def finish(self, namespace: str, erasure: Erasure) -> None:
        """Finish those that nobody has looked at; one that raises is looked at again."""
        due = await erasure.due()
        seen = self._seen.get(namespace, set())
        tried = self._tried.get(namespace, set()) & due
        self._seen[namespace] = due
        left = (due & seen) - tried
        if left:
            await erasure.run()
        self._tried[namespace] = tried | left


async def _watch(backend: Backend) -> None:
    left, told = _Left(), dict[str, str]()
    while True:
        with _tried_again("", told):
            for namespace in await backend.log.sealed_namespaces():
                # One whose keys are missing does not stop the others.
                with _tried_again(namespace, told):
                    await left.finish(namespace, backend.log.erasure(namespace))
            await _erase_files(backend)
        await asyncio.sleep(_PAUSE_S)


@contextmanager
def _tried_again(place: str, told: dict[str, str]) -> Generator[None]:
    """Log an error, once while it stays the same; what failed is tried again."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - else nobody would look again before a restart.
        if told.get(place) != str(error):
            _log.warning("what was forgotten is not yet erased from all files: %s", error)
        told[place] = str(error)
    else:
        told.pop(place, None)


async def _erase_files(backend: Backend) -> None:
    """Bring the files of this home past all that was forgotten."""
    if backend.servers.role == "outside":
        return
    async with backend.erasing_files:
        while await _left(backend):
            try:
                await _rewrite(backend)
            except HomeBusy:
                await asyncio.sleep(_BUSY_S)  # Somebody rebuilds, perhaps for the same reason.


async def _rewrite(backend: Backend) -> None:
    home = backend.servers.home
    erased = await erasures(backend.log, home)
    last = max(erased.values(), default=0)
    backend.saw(None, last)
    await backend.wait_for(last, projection="graph", timeout_s=_GRAPH_MAX_S)
    async with _vectors_known(backend):
        await _index_begins_anew(backend)
        if backend.servers.graph.admin_url is not None:
            await _graph_built_again(backend)
    known = await files_done(backend.log, home)
    await note_files_done(backend.log, home, {**known, **erased})


@asynccontextmanager
async def _vectors_known(backend: Backend) -> AsyncGenerator[None]:
    """Hold the vectors of texts that stay: those of sealed texts are in the files alone."""
    try:
        if backend.embedder is not None:
            with sole_rebuild(backend):  # Else the graph may be dropped that is read.
                graph = await backend.graph()
                for namespace in await backend.log.sealed_namespaces():
                    await backend.known_vectors.read(graph, namespace, model=backend.embedder.model)
        yield
    finally:
        backend.known_vectors.forget()


async def _graph_built_again(backend: Backend) -> None:
    await _drop_others(backend)  # One left half filled may hold what was forgotten since.
    await rebuild_beside(backend, skip=True, accept_loss=False, progress=None)
    await _drop_others(backend)


async def _drop_others(backend: Backend) -> None:
    with sole_rebuild(backend):
        for name in await other_generations(backend):
            address = address_of(backend.servers.graph, name)
            await drop_database(address, explain=backend.servers.explained)
        await drop_scratch(backend.servers.graph)


async def _index_begins_anew(backend: Backend) -> None:
    """Wait until the index holds nothing that was read before the keys were dropped."""
    from anabranch_projections.recall_index.index_folder import drop_older

    home = backend.servers.home
    deadline = time.monotonic() + _INDEX_S
    while not await asyncio.to_thread(
        drop_older, home.recall_index, erasures_text(await erasures(backend.log, home))
    ):
        if time.monotonic() > deadline:
            raise WaitTimedOut(
                "the recall index still holds what was forgotten: the process that writes it did "
                f"not begin anew within {_INDEX_S:g} s",
                fix="forget again, or end that process: the next owner of the home goes on",
            )
        backend.look_at_index()
        await asyncio.sleep(_BUSY_S)


async def _receipt(backend: Backend, namespace: str, erased: Erased) -> ErasureReceipt:
    known = await files_done(backend.log, backend.servers.home)
    done = known.get(namespace, 0) >= erased.position
    files = "rewritten" if done else "under_way"
    outside = backend.servers.graph.admin_url is None
    return ErasureReceipt(
        position=erased.position,
        keys=erased.keys,
        graph="kept_by_store" if outside else files,
        index=files,
    )


async def _left(backend: Backend) -> bool:
    home = backend.servers.home
    erased = await erasures(backend.log, home)
    known = await files_done(backend.log, home) if erased else {}
    return any(position > known.get(name, 0) for name, position in erased.items())
