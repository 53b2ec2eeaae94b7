"""Secrets of an imported transcript: none is in an export, in the log or in the object store."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from anabranch import Memory
from anabranch.exporters.targets import TARGETS, export_session
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch.memory.memory import namespace_of
from anabranch_events import new_id
from tests.support.claude_files import ClaudeFile

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.settings import Settings

CORE: Final = "a1B2c3D4e5"
BODY: Final = "\n".join(["MIIE" + CORE * 6] * 50)
_WHOLE: Final = re.compile(rb"object:(sha256-[0-9a-f]{64})")


def secret() -> str:
    """Return a token, put together here so that no scanner takes this file for one with secrets."""
    return "ghp" + "_" + CORE * 3 + "f6G7h8"


def write(folder: Path) -> None:
    """Write a session and its agent's, with secrets wherever a text of either may stand."""
    key = "-----BEGIN RSA PRIVATE" + f" KEY-----\n{BODY}\n-----END RSA PRIVATE" + " KEY-----"
    main = ClaudeFile(folder)
    main.ask(f"Log in with {secret()} at https://keeper:{CORE}@pier.example/db.")
    main.call("t1", "Agent", prompt=f"Look with {secret()}", description=f"by {secret()}")
    agent = ClaudeFile(folder / "agent", main.session_id)
    agent.path = main.path.with_suffix("") / "subagents" / "agent-a1.jsonl"
    agent.path.parent.mkdir(parents=True)
    meta = {"toolUseId": "t1", "agentType": f"diver-{secret()}", "description": secret()}
    agent.path.with_name("agent-a1.meta.json").write_text(json.dumps({**meta, "finished": True}))
    agent.ask(f"Look with {secret()}")
    agent.say(f"{'x ' * 2000}{key} and {secret()}")
    main.give("t1", f"It was {secret()}")
    main.call("t2", "Bash", command=f"pip install --token {CORE} buoy && cat {secret()}")
    main.give("t2", f"{'x ' * 2000} error: password={CORE}-1", failed=True)
    main.call("t3", "Write", file_path=f"/work/{secret()}.txt", content=f"api_key: {CORE}-9")
    main.give("t3", "ok")
    main.say(f"We decided to use {secret()} from now on.\n{'y ' * 1995}{secret()}")


async def test_no_export_and_no_whole_text_holds_a_secret(
    namespace_settings: Settings, tmp_path: Path
) -> None:
    """Nor is one cut in two by the length of a text, with `tools` and in each form."""
    write(tmp_path / "tools")
    async with Memory.open(settings=namespace_settings) as memory:
        log = namespace_of(memory).backend.log
        importer = Importer(log, ImportOptions(memory.namespace, tools=True, tells_insights=True))
        (source,) = sources_below([tmp_path / "tools"])
        root, agent = await importer.source(source)
        last = (await log.bounds()).last
        await memory.wait_for(last)
        out = {to: tmp_path / f"out-{to}-{new_id()}" for to in TARGETS}

        for to, path in out.items():
            await export_session(memory, root.session_id, to=to, path=path)
        store = await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")
        raw = [record.raw async for record in log.read_all()]
        wholes = {name.decode() for text in raw for name in _WHOLE.findall(text)}
        kept = [(await store.get(name)).data or b"" for name in wholes]

    left = {to: path.read_bytes() for to, path in out.items()}
    assert agent.kind == "subagent"
    assert len(kept) >= 3
    assert all(b"redacted" in text for text in (*kept, *left.values()))
    assert [to for to, text in left.items() if CORE.encode() in text] == []
    assert [text[:80] for text in (*kept, *raw) if CORE.encode() in text] == []
