"""A synthesis that a model writes, by its setting: on the command line, over HTTP, in Python."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from tests.support.chat_service import ChatService, refuses, says
from tests.support.fixtures.http import client_at, served
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch.settings import Settings
    from tests.support.fixtures.memory import CommandLine

# The client of the models takes longer to import than the tests take.
pytestmark = [in_full_only, pytest.mark.timeout(720)]

LIMIT = "The limit of the gateway in Basel is 500 requests a minute."
OWNER = "The gateway in Basel belongs to the storage team."
WRITTEN = json.dumps(
    {
        "sentences": [
            "The gateway in Basel belongs to the storage team [1][2].",
            "In Basel the gateway's limit is 500 requests a minute [1][2].",
            "The limit of the gateway in Basel is 900 requests a minute [1][2].",
            "Ada built it.",
        ]
    }
)
TEXT = (
    "The gateway in Basel belongs to the storage team. [1]\n"
    "In Basel the gateway's limit is 500 requests a minute. [2]"
)


async def test_every_surface_says_what_was_dropped(
    own_settings: Settings, alone: CommandLine
) -> None:
    """One text is written, by the built-in embedder; whoever asks after that gets the same."""
    service = ChatService(says(WRITTEN))
    with service.serving() as url:
        settings = own_settings.changed(
            synthesis_model="openai://scripted", openai_url=url, openai_key="sk-kept"
        )
        asks = {
            "ANABRANCH_SYNTHESIS_MODEL": "openai://scripted",
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "sk-kept",
        }
        async with Memory.open(settings=settings) as memory:
            limit, owner = [(await memory.remember(text)).insight_id for text in (LIMIT, OWNER)]
            made = await memory.synthesise(entity="Basel")
            async with served(memory) as address, client_at(address) as web:
                over_http = (await web.post("/v1/consolidations", json={"entity": "Basel"})).json()
            line = await _here(alone, asks, "--json", "consolidate", "--entity", "Basel")
            told = await _here(alone, asks, "consolidate", "--entity", "Basel")
            backend = namespace_of(memory).backend
            stored = [one.decode().model_dump_json() async for one in backend.log.read_all()]

    assert made.text == TEXT
    assert made.sources == (owner, limit)
    assert (made.method, made.dropped) == (
        "abstractive:openai:scripted",
        {"uncited": 1, "numbers": 1},
    )
    for other in (over_http, json.loads(line[0])):
        assert other == {**made.model_dump(mode="json"), "position": other["position"]}
    assert told[0].split() == TEXT.split()
    assert "numbers 1" in told[1]
    assert len(service.asked) == 1
    assert not any("sk-kept" in one for one in (*stored, *line, *told))


async def test_a_model_that_is_away_leaves_the_extractive_text(
    own_settings: Settings, alone: CommandLine
) -> None:
    """Every surface says why; a thought is consolidated by the same setting."""
    with ChatService(refuses(404, "no such model")).serving() as url:
        settings = own_settings.changed(synthesis_model="openai://scripted", openai_url=url)
        asks = {"ANABRANCH_SYNTHESIS_MODEL": "openai://scripted", "OPENAI_BASE_URL": url}
        async with Memory.open(settings=settings) as memory:
            root = await memory.open_session("Look after the gateway")
            await root.remember(LIMIT)
            made = await memory.consolidate(root.session_id)
            told = await _here(alone, asks, "consolidate", root.session_id)

    assert made.method == "extractive"
    assert "no such model" in (made.fallback or "")
    assert LIMIT in told[0]
    assert "no such model" in told[1]


async def _here(line: CommandLine, asks: dict[str, str], *words: str) -> tuple[str, str]:
    """Run a command on the home of the test, as a process of its own."""
    ran = await asyncio.to_thread(line, *words, environment=asks)
    assert ran.code == 0, ran.err
    return ran.out, ran.err
