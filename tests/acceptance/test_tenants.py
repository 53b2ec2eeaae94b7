"""`anabranch up --tenants` and what its tenants may do, by the commands a user types."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import TYPE_CHECKING, Any

import nats
import pytest

from anabranch_events import Log, NatsServer, Tenant, new_event, new_id
from anabranch_events.event.types import SessionOpened
from anabranch_events.transport.address import with_user
from anabranch_projections import wait_for
from anabranch_store import Graph
from tests.support.fixtures.memory import CommandLine, running
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anabranch_store import GraphAddress

pytestmark = in_full_only

FILE = """
[acme-app]
role = "producer"
namespaces = ["acme"]

[other-app]
role = "producer"
namespaces = ["other"]
"""


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Give the command line over a home on which `up --tenants` runs."""
    folder = tmp_path_factory.mktemp("tenants")
    (folder / "tenants.toml").write_text(FILE)
    with running(folder / "home", "--tenants", str(folder / "tenants.toml")) as line:
        yield line
    assert "Traceback" not in (line.home / "up.log").read_text()


def credentials(owner: CommandLine) -> Any:
    """Return what the home's owner hands to its tenants."""
    return json.loads((owner.home / "tenants.json").read_text())


def test_passwords_stand_in_one_file_only(owner: CommandLine) -> None:
    """tenants.json is for the owner's eyes; no command and no log says a password."""
    found = credentials(owner)
    said = [owner.here("status", "--json").out, (owner.home / "up.log").read_text()]
    said.append(owner.here("doctor", "--json").out)
    secrets = [found[name]["password"] for name in found]
    secrets.append(json.loads((owner.home / "runtime.json").read_text())["log"]["url"])

    assert stat.S_IMODE((owner.home / "tenants.json").stat().st_mode) == 0o600
    assert sorted(found) == ["acme-app", "other-app"]
    assert [one for one in secrets for text in said if one in text] == []


def test_a_producer_has_a_memory_of_its_namespace(owner: CommandLine, tmp_path: Path) -> None:
    """With a home of its own a tenant remembers and recalls; other namespaces are closed to it."""
    owner.here("remember", "Coffee is the others' secret", "-N", "other", "--json")
    owner.here("remember", "Tea is what acme drinks", "-N", "acme", "--json")
    address = credentials(owner)["acme-app"]["nats_url"]
    tenant = CommandLine(tmp_path / "home", NATS_URL=address, ANABRANCH_NAMESPACE="acme")

    learned = tenant.here("remember", "Acme drinks its tea at four", "--json").value
    found = tenant.here("recall", "tea", "--json").value
    position = str(learned["position"])
    by_owner = owner.here("recall", "tea", "-N", "acme", "--after", position, "--json").value
    nothing = tenant.here("recall", "coffee", "-N", "other", "--json").value
    refused = tenant.here("remember", "Mine", "-N", "other", "--json")
    status = tenant.here("status", "--json")

    assert {hit["text"] for hit in found["hits"]} == {hit["text"] for hit in by_owner["hits"]}
    assert len(found["hits"]) == 2
    assert nothing["hits"] == []
    assert (refused.code, refused.error["type"]) == (1, "LogRefused")
    assert credentials(owner)["acme-app"]["password"] not in status.out


async def test_a_recall_by_command_stays_in_its_namespace(owner: CommandLine) -> None:
    """A tenant's recall finds nothing around a session of others, and has no words of theirs."""
    words = ("remember", "The vault opens at nine", "-N", "other", "--json")
    theirs = (await asyncio.to_thread(owner, *words)).value
    client = await nats.connect(credentials(owner)["acme-app"]["nats_url"])
    answers: list[Any] = []

    for scope in ("session", "lineage", "thought", "namespace"):
        body = {"query": "vault", "scope": scope, "session_id": theirs["session_id"]}
        body |= {"after": theirs["position"], "wait_s": 30}
        reply = await client.request(
            "anabranch.commands.acme.recall", json.dumps(body).encode(), timeout=PATIENCE_S
        )
        answers.append(reply.data)
    await client.close()

    assert [one for one in answers if b"opens at nine" in one] == []
    assert [json.loads(one).get("hits", []) for one in answers[:3]] == [[], [], []]


def test_a_file_that_breaks_a_rule_is_refused(alone: CommandLine, tmp_path: Path) -> None:
    """`up` names the field, ends with 2 and starts nothing."""
    path = tmp_path / "tenants.toml"
    path.write_text('[acme]\nrole = "king"\nnamespaces = ["acme"]')

    refused = alone.here("up", "--json", "--tenants", str(path))

    assert (refused.code, refused.error["type"]) == (2, "TenantsInvalid")
    assert "acme.role" in refused.error["message"]
    assert not (alone.home / "owner.lock").exists()


def test_tenants_of_another_server_are_refused(tmp_path: Path) -> None:
    """With NATS_URL set there is no server of ours that could have tenants."""
    path = tmp_path / "tenants.toml"
    path.write_text(FILE)
    line = CommandLine(tmp_path / "home", NATS_URL="nats://127.0.0.1:1")

    refused = line.here("up", "--json", "--tenants", str(path))

    assert (refused.code, refused.error["type"]) == (2, "TenantsInvalid")


@pytest.mark.parametrize("graph_address", ["neo4j"], indirect=True)
async def test_up_projects_with_a_projectors_credentials(
    graph_address: GraphAddress, tmp_path: Path
) -> None:
    """`anabranch up` elsewhere folds every namespace into Neo4j, with rights to read only."""
    tenant = Tenant(name="graph", role="projector")
    async with (
        NatsServer(tmp_path / "nats", tenants=[tenant]) as server,
        Log.connect(server.url) as log,
    ):
        for namespace in ("acme", "other"):
            event = new_event(SessionOpened(task="t"), namespace=namespace, session_id=new_id())
            last = await log.append(event)
        line = CommandLine(
            tmp_path / "projector",
            NATS_URL=with_user(server.url, "graph", server.passwords["graph"]),
            NEO4J_URI=graph_address.uri,
            NEO4J_USERNAME=graph_address.username,
            NEO4J_PASSWORD=graph_address.password.get_secret_value(),
            NEO4J_DATABASE=graph_address.database or "",
        )
        process = await asyncio.create_subprocess_exec(
            *line.command("up", "--json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=line.environment,
        )
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 110))
        async with Graph.connect(graph_address) as graph:
            reached = await wait_for(log, graph, "graph", last.position, timeout_s=PATIENCE_S)
        process.terminate()
        _, said = await asyncio.wait_for(process.communicate(), 60)

    assert server.passwords["graph"] not in ready["log"]
    assert (reached, process.returncode, said) == (last.position, 0, b"")
