"""The file of the MCP reference memory server: entities, their observations, and relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.lines import records
from anabranch.importers.reader import Source
from anabranch.importers.records.model import Broken, Fact, Opened, Unknown
from anabranch.importers.records.values import kind_of, list_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_KEY: Final = "memory"


class McpMemoryReader:
    """Reads the knowledge graph of the MCP memory server."""

    tool = "mcp-memory"
    versions = "2026.8.31"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the file that its setting names; without one it lies inside a package."""
        del home
        from pathlib import Path as Place

        named = environment.get("MEMORY_FILE_PATH")
        return [Place(named)] if named else []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by entities and relations."""
        if candidate.suffix not in {".jsonl", ".json"} or not candidate.first_records:
            return False
        return all(
            (kind_of(record) == "entity" and "entityType" in record)
            or (kind_of(record) == "relation" and "relationType" in record)
            for record in candidate.first_records
        )

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a file."""
        return [Source(self.tool, (path,), keys=(_KEY,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield observations and relations as facts; the file knows no sessions and no times."""
        yield Opened(
            key=_KEY,
            source_id=None,
            kind="memory",
            task="What the MCP memory server remembers",
        )
        for record in records(source.path):
            if isinstance(record, Broken):
                yield record
            else:
                yield from _facts(record[1])


def _facts(record: dict[str, Any]) -> Iterator[Record]:
    match kind_of(record):
        case "entity":
            yield from _entity(record)
        case "relation":
            start, kind, end = (
                text_of(record.get(name)) or "?" for name in ("from", "relationType", "to")
            )
            yield Fact(
                line=_KEY,
                id=f"relation\n{start}\n{kind}\n{end}",
                text=f"{start} {kind} {end}",
                kind="relation",
                entities=(start, end),
                subject=start,
            )
        case kind:
            yield Unknown(line=_KEY, what=f"record {kind}")


def _entity(record: dict[str, Any]) -> Iterator[Record]:
    name = text_of(record.get("name")) or "?"
    kind = text_of(record.get("entityType"))
    if kind:
        yield Fact(
            line=_KEY,
            id=f"entity\n{name}\n{kind}",
            text=f"{name}: {kind}",
            kind="entity",
            entities=(name,),
            subject=name,
        )
    for observation in list_of(record.get("observations")):
        if text := text_of(observation):
            yield Fact(
                line=_KEY,
                id=f"observation\n{name}\n{text}",
                text=f"{name}: {text}",
                kind="observation",
                entities=(name,),
                subject=name,
            )
