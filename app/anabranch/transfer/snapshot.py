"""A snapshot of the whole log in one file, and a log made from it on another server.

The file is a zip: each stream as JetStream backs it up, and last a manifest. So one that is cut off
cannot be opened, and one that is changed is known by its hashes before anything is restored.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from anabranch.errors import AlreadyRunning, InputInvalid, SnapshotDamaged
from anabranch.home.folder import Home, Lock
from anabranch.home.runtime_file import LogAddress, live_runtime, named_log
from anabranch.transfer.files import replacing
from anabranch_events import STREAM, Log, NatsServer
from anabranch_events.event.complaint import in_words
from anabranch_events.jetstream.ledger import BLOCK, Deleted
from anabranch_events.jetstream.snapshot import LEDGER_STREAM, OBJECTS_STREAM, Snapshots, StreamInfo
from anabranch_projections.vectors.cache import BUCKET as VECTORS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events.errors import Explain

VECTORS_STREAM: Final = f"KV_{VECTORS}"
MANIFEST: Final = "manifest.json"
_CHUNK_BYTES: Final = 256 * 1024
_TOLD_EVERY: Final = 1000


class SnapshotStream(BaseModel):
    """One stream of a snapshot: what it was made with, what it held, and the hash of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    config: dict[str, Any]
    state: dict[str, Any]
    bytes: int
    sha256: str


class Snapshot(BaseModel):
    """The content of a snapshot: every record from `first` to `last`, whose hash is `digest`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    records: int
    first: int
    last: int
    digest: str
    streams: list[SnapshotStream]
    deleted: dict[int, list[Deleted]] = {}


class Restored(BaseModel):
    """The log that was made from a snapshot."""

    model_config = ConfigDict(frozen=True)
    records: int
    first: int
    last: int
    digest: str
    streams: list[str]


async def take_snapshot(
    log: Log,
    server: Snapshots,
    path: Path,
    *,
    vectors: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Snapshot:
    """Write the whole log, of all namespaces, to the file `path`, which comes to be with its end.

    Others may go on appending. The content of large events, from the object store, is in it, and
    with `vectors` the cache of embeddings too. `progress` gets the positions read for the digest.
    """
    try:
        with replacing(path) as unfinished, zipfile.ZipFile(unfinished, "w") as target:
            # The events first: what they keep in the object store was there before them.
            names = [STREAM, OBJECTS_STREAM, *([VECTORS_STREAM] if vectors else [])]
            streams = [
                await _taken(server, name, target)
                for name in names
                if await server.info(name) is not None
            ]
            state = streams[0].state
            last = int(state["last_seq"])
            records, digest = await _digest(log, to=last, progress=progress)
            found = Snapshot(
                records=records,
                first=int(state["first_seq"]),
                last=last,
                digest=digest,
                streams=streams,
                deleted=await _deleted(log, to=last),
            )
            left_out = None if found.deleted else {"deleted"}  # Older versions know no such field.
            target.writestr(MANIFEST, found.model_dump_json(indent=2, exclude=left_out))
    except OSError as error:
        raise InputInvalid(
            f"{path} cannot be written: {error.strerror or error}",
            field="file",
            fix="check the path, its permissions and the room on its disk",
        ) from error
    return found


async def restore_snapshot(
    settings: Settings,
    path: Path,
    *,
    replicas: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Restored:
    """Make the log of a home, or of the server that NATS_URL names, from a snapshot.

    The events come last and come to be as a whole: a restore that fails, or is killed, leaves no
    log. Raises SnapshotDamaged before anything is changed, LogNotEmpty where there is a log
    already, AlreadyRunning while a process works on the home.
    """
    with _opened(path) as source:
        snapshot = _checked(source)
        async with _only_log(settings) as address, snapshots(address, settings) as server:
            await server.make_room()
            await server.remove(LEDGER_STREAM)  # It speaks of the log that was there.
            for stream in sorted(snapshot.streams, key=lambda one: one.name == STREAM):
                await server.remove(stream.name)
                with source.open(stream.name) as content:
                    await server.restore(stream.name, _held(stream, replicas), _chunks(content))
            async with Log.connect(
                address.url, token=address.token, timeout_s=settings.request_timeout_s
            ) as log:
                await _note_deleted(log, snapshot)
                same = await _digest(log, to=snapshot.last, progress=progress)
                bounds = await log.bounds()
            if same != (snapshot.records, snapshot.digest):
                for stream in snapshot.streams:
                    await server.remove(stream.name)
                raise SnapshotDamaged(path, "what was restored reads otherwise than what was taken")
    return Restored(
        records=snapshot.records,
        first=bounds.first,
        last=bounds.last,
        digest=snapshot.digest,
        streams=[stream.name for stream in snapshot.streams],
    )


async def _deleted(log: Log, *, to: int) -> dict[int, list[Deleted]]:
    """Return what the ledger says of events that went with their namespace, by block."""
    ledger = log.ledger
    if ledger is None or not await ledger.deleted_count():
        return {}
    found = {block: await ledger.deleted(block) for block in range(to // BLOCK + 1)}
    return {block: gone for block, gone in found.items() if gone}


async def _note_deleted(log: Log, snapshot: Snapshot) -> None:
    """Let the new log's ledger tell deleted events from lost ones."""
    ledger = log.ledger
    if ledger is None:
        return
    counts = Counter[int]()
    for block, gone in snapshot.deleted.items():
        await ledger.note_deleted(block, gone)
        for one in gone:
            counts[one.ended] += one.last - one.first + 1
    for ended, count in counts.items():
        await ledger.note_deleted_count(ended, count)


def snapshots(
    address: LogAddress, settings: Settings, *, explain: Explain | None = None
) -> Snapshots:
    """Return the way to the streams on the log's server, to be entered."""
    return Snapshots(
        address.url, token=address.token, timeout_s=settings.request_timeout_s, explain=explain
    )


async def _taken(server: Snapshots, name: str, target: zipfile.ZipFile) -> SnapshotStream:
    """Write one stream into the file."""
    digest, size = hashlib.sha256(), 0
    async with server.take(name) as download:
        with target.open(name, "w", force_zip64=True) as content:
            async for chunk in download:
                content.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    held = download.info
    return SnapshotStream(
        name=name, config=held.config, state=held.state, bytes=size, sha256=digest.hexdigest()
    )


async def _digest(log: Log, *, to: int, progress: Callable[[int], None] | None) -> tuple[int, str]:
    """Return how many records there are up to a position, and the hash of all that they are."""
    digest, count = hashlib.sha256(), 0
    async for record in log.read_all(to=to, stored=True):
        head = f"{record.position} {record.namespace} {record.session_id} {record.stored_at}"
        digest.update(f"{head} {len(record.raw)}\n".encode())
        digest.update(record.raw)
        count += 1
        if progress is not None and count % _TOLD_EVERY == 0:
            progress(record.position)
    return count, digest.hexdigest()


def read_snapshot(path: Path) -> Snapshot:
    """Return what a snapshot says it holds, its hashes checked. Raises SnapshotDamaged."""
    with _opened(path) as source:
        return _checked(source)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise SnapshotDamaged(path, f"it is no snapshot, or was cut off: {error}") from error
    except OSError as error:
        raise InputInvalid(
            f"{path} cannot be opened: {error.strerror or error}",
            field="file",
            fix="check the path and its permissions",
        ) from error


def _checked(source: zipfile.ZipFile) -> Snapshot:
    path = source.filename or ""
    try:
        found = Snapshot.model_validate_json(source.read(MANIFEST))
        for stream in found.streams:
            digest = hashlib.sha256()
            with source.open(stream.name) as content:
                for chunk in _chunks(content):
                    digest.update(chunk)
            if digest.hexdigest() != stream.sha256:
                raise SnapshotDamaged(path, f"stream {stream.name} is not as it was written")
    except (KeyError, ValidationError, zipfile.BadZipFile, OSError) as error:
        raise SnapshotDamaged(path, f"it cannot be read: {in_words(error)}") from error
    if [stream.name for stream in found.streams][:1] != [STREAM]:
        raise SnapshotDamaged(path, f"it does not hold {STREAM}")
    return found


def _chunks(content: IO[bytes]) -> Generator[bytes]:
    while chunk := content.read(_CHUNK_BYTES):
        yield chunk


def _held(stream: SnapshotStream, replicas: int | None) -> StreamInfo:
    config = stream.config if replicas is None else {**stream.config, "num_replicas": replicas}
    return StreamInfo(config, stream.state)


@asynccontextmanager
async def _only_log(settings: Settings) -> AsyncGenerator[LogAddress]:
    """Hold the home, so that nobody works on it, and run its log's server if it has one."""
    home = Home(settings.home)
    home.prepare()
    with Lock(home.owner_lock) as owner:
        if not owner.take():
            running = live_runtime(home)
            raise AlreadyRunning(home.folder, pid=running.pid if running else None)
        named = named_log(settings)
        if named is not None:
            yield named
            return
        async with NatsServer(home.log, durability=settings.durability) as server:
            yield LogAddress(url=server.url, token=server.token)
