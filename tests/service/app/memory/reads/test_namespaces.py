"""The namespaces of a log are listed, with what each holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.errors import NamespaceNotFound
from anabranch.memory.memory import namespace_of
from anabranch_events import STREAM

if TYPE_CHECKING:
    from anabranch.settings import Settings
    from tests.support.fixtures.memory import CommandLine


async def test_each_is_listed_with_its_sessions_events_and_its_end(own_settings: Settings) -> None:
    """Sealed and deleted ones say so; the one that the program keeps for itself is left out."""
    settings = own_settings.changed(embedder="none")

    def of(namespace: str) -> Memory:
        return Memory.open(settings=settings.changed(namespace=namespace))

    async with of("mill") as mill, of("shut") as shut, of("trial") as trial, of("empty") as empty:
        await mill.open_session("Plan the move")
        kept = await mill.remember("The mill stands")
        sealed = await shut.transfer.seal_namespace()
        await trial.remember("The trial is over")
        deleted = await trial.transfer.delete_namespace("trial")
        found = await empty.transfer.namespaces()

    assert [
        (one.namespace, one.sessions, one.events, one.last, one.sealed, one.deleted)
        for one in found
    ] == [
        ("mill", 2, 3, kept.position, None, None),
        ("shut", 0, 0, None, sealed.position, None),
        ("trial", 0, 0, None, None, deleted.position),
    ]
    assert found[0].last_at is not None


async def test_a_namespace_of_which_nothing_is_known_is_not_deleted(own_settings: Settings) -> None:
    """A slip of the pen ends no name for ever; it can be used then."""
    settings = own_settings.changed(embedder="none", namespace="trail")
    async with Memory.open(settings=settings) as memory:
        with pytest.raises(NamespaceNotFound, match="namespace list"):
            await memory.transfer.delete_namespace("trail")
        with pytest.raises(NamespaceNotFound):
            await memory.transfer.delete_namespace(dry_run=True)
        assert (await memory.remember("The trail goes on")).position == 2


async def test_a_namespace_that_was_purged_from_the_stream_is_deleted_all_the_same(
    own_settings: Settings,
) -> None:
    """An operator's purge leaves the graph as it was, and the graph is to be cleared too."""
    settings = own_settings.changed(embedder="none", namespace="mill")
    async with Memory.open(settings=settings) as memory:
        fact = await memory.remember("The mill stands")
        await memory.wait_for(fact.position)
        connection = namespace_of(memory).backend.log.connection
        await connection.jetstream().purge_stream(STREAM, subject="anabranch.events.mill.*")

        assert not await memory.transfer.namespaces()
        deleted = await memory.transfer.delete_namespace("mill")

    assert (deleted.events, deleted.position) == (0, fact.position + 1)


def test_the_command_lists_them(anabranch: CommandLine) -> None:
    """People read a table, programs a line each."""
    anabranch.here("remember", "The ferry sails", "-N", "ferry-list", "--json")

    lines = anabranch.here("namespace", "list", "--json").lines
    table = anabranch.here("namespace", "list").out

    (mine,) = [one for one in lines if one["namespace"] == "ferry-list"]
    assert (mine["sessions"], mine["events"], mine["deleted"]) == (1, 2, None)
    assert "ferry-list" in table
