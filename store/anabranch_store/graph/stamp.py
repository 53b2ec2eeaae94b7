"""The stamp of a generation: its log, the versions that fill it, and whether it was ever live."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from anabranch_store.bolt.transactions import Step
from anabranch_store.errors import GraphTooNew
from anabranch_store.graph.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from anabranch_store.graph.graph import Graph


class Stamp(NamedTuple):
    """The stamp of a generation; versions are 0 for one from before there were stamps.

    `position` is how far it was filled, and `log` from which one: empty where nothing was filled,
    or where nobody could say.
    """

    log: str
    position: int
    schema_version: int
    projector_version: int
    created: datetime
    served: datetime | None


async def read_stamp(graph: Graph) -> Stamp | None:
    """Return the stamp of `graph`, None where there is none."""
    rows = await graph.read("generation/read")
    if not rows:
        return None
    row = rows[0]
    return Stamp(
        log=str(row["log"]) if row["position"] else "",
        position=int(row["position"]),
        schema_version=int(row["schema_version"]),
        projector_version=int(row["projector_version"]),
        created=datetime.fromisoformat(row["created"]),
        served=datetime.fromisoformat(row["served"]) if row["served"] else None,
    )


async def stamp(graph: Graph, *, log: str, projector_version: int) -> Stamp:
    """Return the stamp of `graph`, made now where there is none, and anew where it is empty.

    A graph that was projected into before it had a stamp is of version 0. Raises GraphTooNew.
    """
    found = await read_stamp(graph)
    if found is not None:
        refuse_newer(found, projector_version=projector_version)
    if found is None or not found.position:
        old = found is None and await graph.checkpoint("graph") > 0
        values = {
            "log": log,
            "schema_version": 0 if old else SCHEMA_VERSION,
            "projector_version": 0 if old else projector_version,
            "time": _now(),
        }
        await graph.write([Step("generation/stamp", values)])
        found = await read_stamp(graph)
        assert found is not None  # noqa: S101 - it was just written.
        refuse_newer(found, projector_version=projector_version)
    return found


async def restamp(graph: Graph, *, projector_version: int) -> None:
    """Note that `graph` is by now what the present versions fill."""
    versions = {"schema_version": SCHEMA_VERSION, "projector_version": projector_version}
    await graph.write([Step("generation/restamp", versions)])


async def mark_served(graph: Graph) -> None:
    """Note that `graph` is live from now on, if it was not before."""
    await graph.write([Step("generation/serve", {"time": _now()})])


def refuse_newer(found: Stamp, *, projector_version: int) -> None:
    """Raise GraphTooNew where a newer version of Anabranch filled the generation."""
    if found.projector_version > projector_version or found.schema_version > SCHEMA_VERSION:
        raise GraphTooNew(
            f"the graph was written by a newer Anabranch (projector version "
            f"{found.projector_version}, schema version {found.schema_version}; this one has "
            f"{projector_version} and {SCHEMA_VERSION})",
            fix="upgrade anabranch: this version would damage what the newer one wrote",
        )


def rebuild_due(found: Stamp | None, *, log: str, projector_version: int) -> str | None:
    """Return the reason to rebuild `found`, None when this program would fill it alike.

    `log` is empty for a connection that may not ask for the log's identity.
    """
    if found is None:
        return None
    if found.projector_version < projector_version:
        return f"its projector version is {found.projector_version}, now it is {projector_version}"
    if found.schema_version < SCHEMA_VERSION:
        return f"its schema version is {found.schema_version}, now it is {SCHEMA_VERSION}"
    return "it was filled from another log" if is_of_another_log(found, log) else None


def is_of_another_log(found: Stamp, log: str) -> bool:
    """Tell whether `found` names another log; an empty name may be any."""
    return bool(log and found.log and found.log != log)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
