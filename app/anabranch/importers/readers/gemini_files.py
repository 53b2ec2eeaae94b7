"""Gemini CLI's files: which sessions are in them, and the JSON on their lines."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from anabranch.importers.files.lines import Line, parsed, plain_name
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from anabranch.importers.files.cache import FileCache
    from anabranch.importers.files.candidates import Candidate


def is_whole(candidate: Candidate) -> bool:
    """Tell whether a file is a session of an old release, one object."""
    head = candidate.head[:400]
    return candidate.suffix == ".json" and b'"sessionId"' in head and b'"projectHash"' in head


def is_qwen(candidate: Candidate) -> bool:
    """Tell whether such a file is one of Qwen Code, which began as a copy of Gemini CLI."""
    return ".qwen" in candidate.path.parts or b'"type": "qwen"' in candidate.head


def is_agent(path: Path) -> bool:
    """Tell whether a file is a sub-agent's: it lies in a folder named for its caller's session."""
    return path.parent.parent.name == "chats"


def project_of(paths: Sequence[Path]) -> str | None:
    """Return the project's folder, which a file beside the chats names; else what these are in.

    Before 0.29 that is a hash, and a later release copies it: one of two has the file.
    """
    folders = [folder.parent for path in paths for folder in path.parents if folder.name == "chats"]
    for folder in folders:
        with suppress(OSError):
            return text_of((folder / ".project_root").read_text(errors="replace").strip())
    return folders[0].name if folders else None


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a file: of which session it is, and the JSON on it."""

    session_id: str
    data: dict[str, Any]


def steps_in(path: Path, files: FileCache) -> Iterator[Step | Broken]:
    """Yield the lines of a file. A line of metadata says whose the following are."""
    if plain_name(path).endswith(".json"):
        yield from _whole(path, files)
        return
    session_id = plain_name(path)
    for line in files.lines(path):
        found = line if isinstance(line, Broken) else parsed(path, line)
        if isinstance(found, Broken):
            yield found
            continue
        if "projectHash" in found and text_of(found.get("sessionId")):
            session_id = found["sessionId"]
        yield Step(session_id, found)


def _whole(path: Path, files: FileCache) -> Iterator[Step | Broken]:
    """Yield the lines that a file of old releases, one object, stands for."""
    found = files.document(path)
    if isinstance(found, Broken):
        yield found
        return
    session_id = text_of(found.get("sessionId")) or plain_name(path)
    yield Step(session_id, {name: one for name, one in found.items() if name != "messages"})
    for message in objects_of(found.get("messages")):
        yield Step(session_id, message)


class Heads(NamedTuple):
    """The sessions of a file, in their order, and how many of its lines have a context."""

    sessions: list[str]
    contexts: int


def heads_in(path: Path, files: FileCache) -> Heads:
    """Return of a file what is known without parsing most of it.

    Metadata begin a session, and stand again with each resume. A context stands in the first
    history, and in a talk that was saved.
    """
    if plain_name(path).endswith(".json"):
        steps = (one.session_id for one in _whole(path, files) if isinstance(one, Step))
        return Heads([next(steps, path.name)], 0)
    sessions: dict[str, None] = {}
    contexts = 0
    for line in files.lines(path):
        if not isinstance(line, Line):
            continue
        contexts += b"<session_context>" in line.data
        if b'"projectHash"' in line.data:
            found = parsed(path, line)
            session_id = None if isinstance(found, Broken) else text_of(found.get("sessionId"))
            if not isinstance(found, Broken) and "projectHash" in found and session_id:
                sessions[session_id] = None
    return Heads(list(sessions), contexts)
