"""Reading as a tenant without our client: the requests of the page, by nats-py alone."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, Final

import nats
import nats.errors
import pytest

from anabranch_events import decode
from tests.support.repository import ROOT
from tests.support.tenancy import World, a_world, opened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

PAGE: Final = (ROOT / "docs" / "how-to" / "isolate-tenants.md").read_text(encoding="utf-8")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    """A server with tenants, filled."""
    async with a_world(tmp_path / "nats") as made:
        yield made


@pytest.mark.parametrize("name", ["acme-eye", "acme-app", "two"])
async def test_the_program_of_the_page_reads_all_of_the_namespaces(
    world: World, name: str, tmp_path: Path
) -> None:
    """It prints every event of the tenant's namespaces at its position, over several requests."""
    for _ in range(3):
        await world.log.append(opened("acme"))
    mine = {"acme", "lab"} if name == "two" else {"acme"}
    wanted = [
        f"{one.position} {one.namespace} {one.decode().type}"
        async for one in world.log.read_all(after=0)
        if one.namespace in mine
    ]
    program = tmp_path / "page.py"
    program.write_text(re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0])

    ran = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        env={**os.environ, "NATS_URL": world.url(name)},
        stdout=PIPE,
        stderr=PIPE,
    )
    printed, said = await ran.communicate()

    assert ran.returncode == 0, said.decode()
    assert printed.decode().splitlines() == wanted


async def test_each_request_of_the_table_is_answered(world: World) -> None:
    """A reader gets bounds, one event and a session's last one; of others it gets nothing."""
    client = await nats.connect(world.url("acme-eye"))
    session = world.sessions["acme"]

    info = json.loads((await client.request("anabranch.log.info")).data)
    one = await client.request("anabranch.log.get", b'{"seq": 1}')
    last = await client.request(f"anabranch.log.last.acme.{session}")
    beyond = await client.request("anabranch.log.get", b'{"seq": 1000}')

    assert info["config"]["metadata"]["anabranch.namespaces"] == "acme"
    assert decode(one.data).subject == decode(last.data).subject == session
    assert (one.headers or {})["Nats-Sequence"] == str(info["state"]["first_seq"])
    assert (beyond.headers or {})["Status"] == "404"
    with pytest.raises(nats.errors.Error):
        await client.request(f"anabranch.log.last.other.{world.sessions['other']}", timeout=0.5)
    await client.close()
