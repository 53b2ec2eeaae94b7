"""Reading and writing by statements, on every backend."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from anabranch_store import Graph, GraphAddress, RestartTransaction, Step
from anabranch_store.errors import CypherInvalid, GraphRefused, GraphUnavailable, SetupInvalid
from tests.support.graphs import ask
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_store import Ask

TIME = "2026-01-02T03:04:05.678Z"
BROKEN = Step("projection/put_aside", {"rows": [{"position": {"a": "map"}}]})


def move(expected: int, position: int, projection: str = "graph") -> Step:
    """Return the guard that moves a checkpoint."""
    return Step(
        "projection/move_checkpoint",
        {"projection": projection, "expected": expected, "position": position, "time": TIME},
    )


def dead_letters(positions: Iterable[int]) -> Step:
    """Return a step that writes one node a position."""
    rows = [
        {"position": at, "namespace": "n", "session_id": "s", "error": "E", "reason": "r"}
        for at in positions
    ]
    return Step("projection/put_aside", {"rows": rows})


async def until_a_write_waits(graph: Graph) -> None:
    """Wait until a statement of Neo4j waits for a lock."""
    async with asyncio.timeout(PATIENCE_S):
        while not await ask(  # noqa: ASYNC110 - Neo4j tells nobody.
            graph.address,
            "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN status",
        ):
            await asyncio.sleep(0.01)


async def count(graph: Graph) -> int:
    """Return how many dead letters there are."""
    rows = await ask(graph.address, "MATCH (d:DeadLetter) RETURN count(d) AS n")
    return int(rows[0]["n"])


async def test_steps_are_written_together(graph: Graph) -> None:
    """All steps of a write hold after it."""
    await graph.write([dead_letters([1, 2]), dead_letters([3])])

    assert await count(graph) == 3


async def test_a_held_checkpoint_stands_until_its_time_is_over(graph: Graph) -> None:
    """Whoever holds it has the others wait; a hold that ended, or was let go, stops nobody."""

    def hold(until: str) -> Step:
        return Step("checkpoint/hold", {"projection": "graph", "until": until})

    nothing_to_hold = await graph.write_if(hold("2026-01-02T03:04:06.000Z"), [])
    await graph.write_if(move(0, 7), [])
    held = await graph.write_if(hold("2026-01-02T03:04:06.000Z"), [])
    while_held = await graph.write_if(move(7, 8), [])
    await graph.write([hold(TIME)])
    afterwards = await graph.write_if(move(7, 9), [])

    assert (nothing_to_hold, held, while_held, afterwards) == (False, True, False, True)
    assert await graph.checkpoint("graph") == 9


async def test_nothing_holds_when_a_step_fails(graph: Graph) -> None:
    """A step that the server refuses takes the ones before it with it."""
    with pytest.raises(CypherInvalid):
        await graph.write([dead_letters([1]), BROKEN])

    assert await count(graph) == 0


async def test_a_guard_that_returns_a_row_lets_the_steps_through(graph: Graph) -> None:
    """The checkpoint and the steps are one transaction."""
    assert await graph.write_if(move(0, 7), [dead_letters([7])])

    assert await graph.checkpoint("graph") == 7
    assert await graph.checkpoint("vectors") == 0
    assert await count(graph) == 1


async def test_a_guard_without_a_row_writes_nothing(graph: Graph) -> None:
    """The loser of a compare-and-set leaves no trace."""
    assert await graph.write_if(move(0, 7), [])

    assert not await graph.write_if(move(3, 9), [dead_letters([9])])

    assert await graph.checkpoint("graph") == 7
    assert await count(graph) == 0


async def test_what_a_plan_did_before_it_begins_anew_is_undone(graph: Graph) -> None:
    """Its first try leaves nothing; what it decides then holds, with the checkpoint."""
    tries = 0

    async def plan(run: Ask) -> list[Step]:
        nonlocal tries
        tries += 1
        if tries == 1:
            await run(dead_letters([1, 2]))
            raise RestartTransaction
        return [dead_letters([3])]

    moved = await graph.write_if(move(0, 3), plan)

    assert (moved, tries) == (True, 2)
    assert await ask(graph.address, "MATCH (d:DeadLetter) RETURN d.position AS at") == [{"at": 3}]
    assert await graph.checkpoint("graph") == 3


async def test_of_rivals_one_wins_each_position(graph: Graph) -> None:
    """Eight writers race for the same checkpoint; each position is written exactly once."""
    async with Graph.connect(graph.address) as other:

        async def race(at: int) -> list[bool]:
            writers = [graph, other] * 4
            return await asyncio.gather(
                *(each.write_if(move(at, at + 1), [dead_letters([at + 1])]) for each in writers)
            )

        won = [sum(await race(at)) for at in range(5)]

    assert won == [1, 1, 1, 1, 1]
    assert await graph.checkpoint("graph") == 5
    assert await count(graph) == 5


async def test_an_insight_that_is_forgotten_meanwhile_gets_no_vector(
    graph: Graph, request: pytest.FixtureRequest
) -> None:
    """Neo4j matches a node before it waits for its lock: the vector is written last all the same.

    See findings/neo4j_compare_and_set_in_a_where_lets_both_in.sh (Neo4j 5.26.31).
    """
    key = {"namespace": "n", "id": "01a20000-0000-7000-8000-000000000001"}
    await ask(
        graph.address,
        "CREATE (:Insight {namespace: $namespace, id: $id, recorded: 1, text: 'Fog.'})",
        **key,
    )
    server = request.node.callspec.params["graph_address"]
    row = {**key, "recorded": 1, "embedding": [1.0] * 384}
    vectors = Step("projection/set_embeddings", {"rows": [row], "model": "m"})
    forgets = {"rows": [{**key, "position": 2, "receipt": "r"}]}
    meanwhile: list[asyncio.Task[None]] = []

    async def forget(run: Ask) -> list[Step]:
        await run(Step("projection/forget_insights", forgets))
        if not meanwhile:
            meanwhile.append(asyncio.create_task(graph.write([vectors])))
            if server != "embedded":  # There the writers take turns.
                await until_a_write_waits(graph)
        return []

    assert await graph.write_if(move(0, 2), forget)
    await meanwhile[0]

    left = "MATCH (i:Insight) RETURN i.forgotten AS forgotten, i.embedding AS vector"
    assert await ask(graph.address, left) == [{"forgotten": 2, "vector": None}]


async def test_writers_of_other_checkpoints_do_not_fail_each_other(graph: Graph) -> None:
    """Conflicts of two projections are the store's business, not the caller's."""

    async def run(projection: str) -> list[bool]:
        return [await graph.write_if(move(at, at + 1, projection), []) for at in range(10)]

    won = await asyncio.gather(run("graph"), run("vectors"), run("third"))

    assert list(won) == [[True] * 10] * 3


async def test_times_come_back_as_they_went(graph: Graph) -> None:
    """A datetime of any zone is the same moment after a round trip, to the millisecond."""
    await graph.write_if(move(0, 1), [])

    rows = await ask(graph.address, "MATCH (c:Checkpoint) RETURN c.updated_at AS at")

    assert rows[0]["at"].astimezone(UTC) == datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


async def test_texts_and_numbers_come_back_as_they_went(graph: Graph) -> None:
    """No store changes a character or the last bit of a float."""
    values: dict[str, Any] = {
        "text": "caf\u00e9 \U0001f30a \t\n 'x' \"y\" \\ `z`",
        "float": 0.1 + 0.2,
        "whole": 1.0,
        "small": 5e-324,
        "int": 2**63 - 1,
        "list": ["a", ""],
        "yes": True,
    }
    await ask(graph.address, "CREATE (a:Agent) SET a += $values", values=values)

    rows = await ask(graph.address, "MATCH (a:Agent) RETURN properties(a) AS a")

    assert rows[0]["a"] == values
    assert isinstance(rows[0]["a"]["whole"], float)


async def test_an_unknown_statement_is_a_mistake_of_the_program(graph: Graph) -> None:
    """Statements are loaded by name, and a name is never made from input."""
    with pytest.raises(LookupError, match="no/such"):
        await graph.read("no/such")


async def test_a_wrong_password_is_refused(graph: Graph) -> None:
    """The error says what to check, and not what was tried."""
    wrong = graph.address.model_copy(update={"password": SecretStr("not-the-password")})

    with pytest.raises(GraphRefused, match="password") as refused:
        async with Graph.connect(wrong):
            pass

    assert "not-the-password" not in str(refused.value)


async def test_a_database_that_is_not_there_is_refused(graph: Graph) -> None:
    """A typing error in the database's name shows at once."""
    other = graph.address.model_copy(update={"database": "nosuchdatabase"})

    with pytest.raises(SetupInvalid, match="nosuchdatabase"):
        async with Graph.connect(other):
            pass


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    """Nobody listens on the port: the error comes at once and names it."""
    nowhere = GraphAddress(uri="bolt://127.0.0.1:9", username="u", password=SecretStr("p"))

    with pytest.raises(GraphUnavailable, match=r"127\.0\.0\.1:9"):
        async with Graph.connect(nowhere, timeout_s=3):
            pass


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "nonsense", "bolt://h:port", ""])
async def test_an_address_of_another_kind_is_a_setup_error(uri: str) -> None:
    """A URI the driver does not take is for the user to correct, not to try again."""
    address = GraphAddress(uri=uri, username="u", password=SecretStr("p"))

    with pytest.raises(SetupInvalid):
        async with Graph.connect(address, timeout_s=3):
            pass
