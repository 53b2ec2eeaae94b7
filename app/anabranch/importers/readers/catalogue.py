"""All readers by the name of their tool, and the sources below given paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.importers.files.candidates import candidates
from anabranch.importers.readers.chat_exports import ChatGptReader, ClaudeAiReader
from anabranch.importers.readers.claude_code import ClaudeCodeReader
from anabranch.importers.readers.cline import ClineReader
from anabranch.importers.readers.codex import CodexReader
from anabranch.importers.readers.copilot_cli import CopilotCliReader
from anabranch.importers.readers.crush import CrushReader
from anabranch.importers.readers.gemini_cli import GeminiCliReader
from anabranch.importers.readers.google_adk import GoogleAdkReader
from anabranch.importers.readers.goose import GooseReader
from anabranch.importers.readers.handoffs import HandoffReader
from anabranch.importers.readers.langgraph_postgres import ADDRESSES, LangGraphPostgresReader
from anabranch.importers.readers.langgraph_sqlite import LangGraphReader
from anabranch.importers.readers.letta import LettaReader
from anabranch.importers.readers.mcp_memory import McpMemoryReader
from anabranch.importers.readers.openai_agents import OpenAIAgentsReader
from anabranch.importers.readers.openclaw import OpenClawReader
from anabranch.importers.readers.opencode import OpenCodeReader
from anabranch.importers.readers.pi import PiReader
from anabranch.importers.readers.pydantic_ai import PydanticAiReader
from anabranch.importers.readers.qwen_code import QwenCodeReader
from anabranch.importers.readers.spans.otel import OtelReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from anabranch.importers.files.candidates import Unread
    from anabranch.importers.reader import Reader, Source

_POSTGRES: Final = LangGraphPostgresReader()
_ALL: Final[tuple[Reader, ...]] = (
    ClaudeCodeReader(),
    CodexReader(),
    QwenCodeReader(),
    PiReader(),
    OpenClawReader(),
    GeminiCliReader(),
    ClineReader(),
    OpenCodeReader(),
    OpenAIAgentsReader(),
    LangGraphReader(),
    _POSTGRES,
    GoogleAdkReader(),
    PydanticAiReader(),
    McpMemoryReader(),
    CopilotCliReader(),
    CrushReader(),
    GooseReader(),
    ChatGptReader(),
    ClaudeAiReader(),
    LettaReader(),
    OtelReader(),
    HandoffReader(),
)
READERS: Final[dict[str, Reader]] = {reader.tool: reader for reader in _ALL}


def is_address(where: str) -> bool:
    """Tell whether a place is the address of a database on a server."""
    return where.startswith(ADDRESSES)


def source_at(address: str) -> Source:
    """Return the source at an address. Raises InputInvalid and FrameworkMissing."""
    return _POSTGRES.at(address)


def sources_below(
    roots: Iterable[Path],
    *,
    tools: Iterable[str] = READERS,
    unread: Unread | None = None,
) -> list[Source]:
    """Return what the readers of `tools` find below `roots`: each file is one reader's.

    `unread` hears of folders and files that may not be read.
    """
    readers = [READERS[tool] for tool in tools]
    claimed: dict[str, dict[Path, None]] = {}
    for root in roots:
        for candidate in candidates(root, unread=unread):
            for reader in readers:
                if reader.claims(candidate):
                    claimed.setdefault(reader.tool, {})[candidate.path] = None
                    break
            if unread is not None and candidate.unread is not None:
                unread(candidate.path, candidate.unread)
    return [
        source for tool, files in claimed.items() for source in READERS[tool].sources(list(files))
    ]
