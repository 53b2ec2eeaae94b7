"""Hand-off notes in Markdown: a note a session, a fact a section."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from anabranch.importers.files.lines import plain_name, whole
from anabranch.importers.reader import Source
from anabranch.importers.records.model import Broken, Fact, Opened
from anabranch.importers.records.values import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_NAMED: Final = re.compile(r"(?i)hand-?_?offs?")
_DATE: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T_-](\d{2})-?:?(\d{2}))?")
_TITLE: Final = re.compile(r"^#[^\S\n]++(\S.*)$", re.MULTILINE)
_SECTION: Final = re.compile(r"^##+[^\S\n]++(\S.*)$", re.MULTILINE)
_FRONT: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


class HandoffReader:
    """Reads folders of hand-off notes, such as `.memory/session-handoffs`."""

    tool = "handoffs"
    versions = "any Markdown"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: notes lie in projects, which are named."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the name of the file, or of its folder."""
        if candidate.suffix != ".md":
            return False
        return bool(_NAMED.search(candidate.name) or _NAMED.search(candidate.path.parent.name))

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a note."""
        return [Source(self.tool, (path,), project=_project(path)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield a note: its title is the task, each section a fact."""
        data = whole(source.path)
        if isinstance(data, Broken):
            yield data
            return
        text = _FRONT.sub("", data.decode("utf-8", "replace"))
        name, time = plain_name(source.path).removesuffix(".md"), _time_of(source.path)
        title = _TITLE.search(text)
        task = title[1].rstrip() if title else f"Hand-off {name}"
        key = f"{name}\n{task}"
        yield Opened(
            key=key,
            source_id=name,
            kind="memory",
            task=task,
            time=time,
            attributes={"project": source.project} if source.project else {},
        )
        for heading, body in _sections(text):
            told = f"{heading}: {body}" if heading else body
            record_id = sha256(told.encode()).hexdigest()
            yield Fact(line=key, id=record_id, text=told, kind="hand-off", time=time)


def _sections(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield the heading and the text of each section; what stands before the first has none."""
    parts = _SECTION.split(text)
    intro = _TITLE.sub("", parts[0], count=1).strip()
    if intro:
        yield None, intro
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        if body.strip():
            yield heading.rstrip(), body.strip()


def _time_of(path: Path) -> datetime | None:
    """Return the time in a note's name, where it holds one."""
    found = _DATE.search(path.name)
    if found is None:
        return None
    year, month, day, hour, minute = found.groups()
    return time_of(f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:00+00:00")


def _project(path: Path) -> str | None:
    """Return the folder of the project: the one above a folder whose name begins with a dot."""
    for folder in path.parents:
        if folder.name.startswith(".") and folder.parent != folder:
            return str(folder.parent)
    return None
