"""One hash of the graph's content: the same events give the same digest on every store.

Each node and each relationship becomes one line of JSON: labels or type, the keys of a
relationship's ends, and all properties. They are sorted by name; nulls are absent, and times are
milliseconds of the epoch. The lines' SHA-256 are sorted and hashed again, so that no order of reads
and no internal id matters.

Left out is what the events do not determine: checkpoints, vectors, and the wording of a dead
letter's reason. So is what is foreign: others may write to the same database.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from anabranch_store.bolt.statements import statement
from anabranch_store.bolt.values import native
from anabranch_store.errors import GraphUnavailable
from anabranch_store.graph.content import UNDETERMINED, own_node, own_relationship

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from neo4j import AsyncSession, AsyncTransaction

    from anabranch_store.graph.content import Row

FETCH: Final = 1000
PROJECTION: Final = "graph"
_ATTEMPTS: Final = 5
_BYTES: Final = 8
_TIMEOUT_S: Final = 600.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Digest(BaseModel):
    """A hash of the graph's content as of a position."""

    model_config = ConfigDict(frozen=True)
    digest: str
    position: int


async def digest_of(session: AsyncSession) -> Digest:
    """Read the whole graph over `session`, which this closes, and return its digest.

    The rows stream by and are not kept; only 32 bytes of each are.
    """
    async with asyncio.timeout(_TIMEOUT_S), session:
        for _ in range(_ATTEMPTS):
            before = await _position(session)
            digest = await _content(session)
            if await _position(session) == before:
                return Digest(digest=digest, position=before)
    raise GraphUnavailable(
        f"the graph moved on during each of {_ATTEMPTS} readings",
        fix="ask again when fewer events arrive, or stop the projector for the time",
    )


async def _position(session: AsyncSession) -> int:
    async with await session.begin_transaction() as transaction:
        result = await transaction.run(statement("checkpoint/read"), projection=PROJECTION)
        rows = [record async for record in result]
    return int(rows[0]["position"]) if rows else 0


async def _content(session: AsyncSession) -> str:
    async with await session.begin_transaction() as transaction:
        hashes = [row_hash(row) async for row in content_of(transaction)]
    hashes.sort()
    return hashlib.sha256(b"".join(hashes)).hexdigest()


async def content_of(transaction: AsyncTransaction) -> AsyncIterator[Row]:
    """Yield our own nodes, then our own relationships, in no order."""
    for name, own in (
        ("digest/read_nodes", own_node),
        ("digest/read_relationships", own_relationship),
    ):
        result = await transaction.run(statement(name))
        async for record in result:
            row = own(record.data())
            if row is not None:
                yield row


async def hashes_in(session: AsyncSession) -> Counter[int]:
    """Return the hash of each row of ours, over `session`, which this closes."""
    async with session, await session.begin_transaction() as transaction:
        found: Counter[int] = Counter()
        async for row in content_of(transaction):
            found[_hash(row)] += 1
        return found


async def rows_in(session: AsyncSession, known: Counter[int]) -> list[Row]:
    """Return the rows of ours that are not among `known`, over `session`, which this closes."""
    left = Counter(known)
    beyond: list[Row] = []
    async with session, await session.begin_transaction() as transaction:
        async for row in content_of(transaction):
            number = _hash(row)
            if left[number]:
                left[number] -= 1
            else:
                beyond.append(row)
    return beyond


def row_hash(row: Row) -> bytes:
    """Return the SHA-256 of `row` as canonical JSON, without what no event determines."""
    left_out = {name for label in row.get("labels", ()) for name in UNDETERMINED.get(label, ())}
    kept = {name: value for name, value in row["properties"].items() if name not in left_out}
    told = {**row, "element": None, "properties": kept}
    line = json.dumps(_canonical(told), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).digest()


def _hash(row: Row) -> int:
    return int.from_bytes(row_hash(row)[:_BYTES], "big")


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    plain = native(value)
    if isinstance(plain, datetime):
        return _milliseconds(plain)
    return plain.isoformat() if isinstance(plain, date) else plain


def _milliseconds(value: datetime) -> int:
    """Return whole milliseconds since the epoch; a time without a zone is one of UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
