"""Have the class archive of the embedded graph made: hundreds of starts in the tests share it.

`python -m tests.support.class_archive` returns once it is there. It is made in the background after
the first graph is closed, with what the machine has left. Beside the tests that took eight minutes,
in which each start cost twice as much.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

from anabranch_store import GraphRanker
from anabranch_store.embedded.class_archive import ClassArchive
from anabranch_store.embedded.server import EmbeddedGraph
from anabranch_store.graph.graph import Graph
from tests.support.learning import Account, learn
from tests.support.patience import until
from tests.support.recalling import ask


def is_there(folder: Path) -> bool:
    """Tell whether a graph in a folder would start with the archive."""
    return any("SharedArchiveFile" in word for word in ClassArchive(folder).jvm_args())


async def use(folder: Path) -> None:
    """Write into a graph and ask it, as tests do: what is loaded for that will be in the archive."""
    account = Account()
    account.remember(account.open(), "The lock of the north gate was changed in May.")
    async with (
        EmbeddedGraph(folder, brief=True) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()
        await learn(graph, account.events)
        await GraphRanker(graph, None, scan_max=0).recall(ask("Which lock was changed?"))


async def main() -> None:
    """Have it made where it is not there; without it the tests are merely slower."""
    with tempfile.TemporaryDirectory(prefix="anabranch-classes-") as name:
        folder = Path(name) / "graph"
        if not is_there(folder):
            await use(folder)
            with suppress(TimeoutError):
                await until(lambda: is_there(folder))


if __name__ == "__main__":
    asyncio.run(main())
