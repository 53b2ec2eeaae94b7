"""The transfer of a memory: its events out as lines, lines in, and a snapshot of the whole log."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from anabranch.generations.rebuild import refuse_less
from anabranch.memory.forgetting.deletion import delete_namespace
from anabranch.memory.forgetting.sealing import seal_namespace
from anabranch.memory.reads.namespaces import namespaces
from anabranch.past.stretch import check_order
from anabranch.transfer.append_events import append_events
from anabranch.transfer.export import export_chained, export_lines
from anabranch.transfer.imports import import_events
from anabranch.transfer.snapshot import snapshots, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.transfer.append_events import Appended
    from anabranch.transfer.imports import Imported
    from anabranch.transfer.snapshot import Snapshot
    from anabranch.views import NamespaceDeletion, NamespaceView, SealedNamespace
    from anabranch_events import LogReport


class MemoryTransfer:
    """Events out of a memory and into it, as `memory.transfer`."""

    def __init__(self, namespace: OpenNamespace) -> None:
        self._namespace = namespace

    async def export(
        self,
        target: IO[bytes],
        *,
        after: int = 0,
        to: int | None = None,
        chained: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Write the namespace's events as JSON Lines, a CloudEvent a line; return how many.

        With `chained` each line has its link, and a manifest ends the file, so that
        `verify_lines` finds any change. `progress` gets the positions reached, now and then.
        Raises LogDamaged where the log lacks events, once all others are written.
        """
        if to is not None:
            check_order(after, to, fields=("after", "to"))
        backend, name = self._namespace.backend, self._namespace.name
        if chained:
            return await export_chained(
                backend, name, target, after=after, to=to, progress=progress
            )
        return await export_lines(backend, name, target, after=after, to=to)

    async def import_lines(
        self,
        lines: Iterable[bytes],
        *,
        verified: bool = True,
        progress: Callable[[], None] | None = None,
    ) -> Imported:
        """Append exported events, in their order; those whose id the log has are left out.

        So an import that was killed is simply run again. Positions of the old log (where a branch
        was forked) become those of the same events in this one. An event of an older version or of
        an unknown type is appended unchanged. Raises EventInvalid naming the first line that is no
        event; the lines before its batch are in the log by then. `progress` is called now and then.

        Lines with links are checked as `verify_lines` does: ExportDamaged names the first line that
        was changed, or where they were cut off. Lines of a stretch that follow on events that the
        log lacks are refused with EventInvalid. `verified=False` leaves both checks out.
        """
        backend, name = self._namespace.backend, self._namespace.name
        return await import_events(backend, name, lines, verified=verified, progress=progress)

    async def append_lines(
        self, lines: Iterable[bytes], *, progress: Callable[[], None] | None = None
    ) -> Appended:
        """Append a producer's own CloudEvents, a line each, in their order and of any namespace.

        It takes what `check` takes. Events that the log has already are left out, so that the same
        lines may be appended again. Raises EventInvalid naming the first line that is no event.
        """
        return await append_events(self._namespace.backend, lines, progress=progress)

    async def verify_log(
        self, *, accept_loss: bool = False, progress: Callable[[int], None] | None = None
    ) -> LogReport:
        """Read the whole log, of all namespaces; return what is missing, changed or no event.

        With `accept_loss` what is missing is written down, and readers go on without it. `progress`
        gets the positions reached, now and then. Raises LogReplaced and LogRewound where nothing
        else is wrong, but the graph was filled from another log, or from more of this one.
        """
        log = self._namespace.backend.log
        found = await log.verify(progress=progress)
        if found.sound and not accept_loss:
            await refuse_less(self._namespace.backend)
        if accept_loss and found.missing and log.ledger is not None:
            await log.ledger.accept(found.missing)
        return found

    async def namespaces(self) -> tuple[NamespaceView, ...]:
        """Return all namespaces of the log, by name, the sealed and the deleted ones too.

        Only what the server counts is read, no event. Raises LogRefused for a tenant.
        """
        return await namespaces(self._namespace.backend.log)

    async def seal_namespace(self, *, accept_loss: bool = False) -> SealedNamespace:
        """Seal this memory's namespace before its first event, for ever.

        Content of its events is encrypted from then on, each insight and event under a key of its
        own. `forget` drops the keys: the log, the object store, exports, snapshots and backups
        without the keys then hold nothing to read. One that is sealed already stays so. With
        `accept_loss` its stream of keys is made anew where it was lost: all that was sealed is
        forgotten then.

        Raises InputInvalid where it has events, NamespaceInUse with tenants, and LogRefused for
        a tenant.
        """
        return await seal_namespace(
            self._namespace.backend, self._namespace.name, accept_loss=accept_loss
        )

    async def delete_namespace(
        self,
        confirm: str | None = None,
        *,
        dry_run: bool = False,
        progress: Callable[[str], None] | None = None,
    ) -> NamespaceDeletion:
        """Delete this memory's namespace for ever, and all that is known of it.

        `confirm` repeats its name. Its events leave the log, its insights every graph, the caches
        and the recall index. Nobody can write to it again (NamespaceEnded), and no other namespace
        changes. `log verify` then says deleted, not damaged. One that was killed goes on where it
        was when it is called again. `progress` gets the name of each step done. `dry_run` says
        what would go.

        Copies elsewhere stay: exports, snapshots, backups. Raises NamespaceNotFound where nothing
        was ever written, InputInvalid without the name, and NamespaceInUse while tenants may write
        there. LogRefused is for a tenant, LogDamaged for a log that is not whole.
        """
        backend, name = self._namespace.backend, self._namespace.name
        return await delete_namespace(
            backend, name, confirm=confirm, dry_run=dry_run, progress=progress
        )

    async def snapshot(
        self,
        path: Path,
        *,
        vectors: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> Snapshot:
        """Write the whole log, of all namespaces, to the file `path`.

        The file appears when it is whole. Positions, times and ids stay as they are. With `vectors`
        the cache of embeddings is in it.
        """
        backend = self._namespace.backend
        explain = backend.servers.explained
        async with snapshots(backend.servers.log, backend.settings, explain=explain) as server:
            return await take_snapshot(
                backend.log, server, path, vectors=vectors, progress=progress
            )
