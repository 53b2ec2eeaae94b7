"""A hand-off note in Markdown, from which another tool's session can start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from anabranch.exporters.exported import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch.exporters.exported import ExportedSession, ExportedTree
    from anabranch.views import InsightDetails

SHOWN_OF_EACH: Final = 50
LINE_LENGTH_MAX: Final = 300
_IMPORTED_NOTE: Final = "transcript"
_TALK: Final = ("request", "answer", "report", "remark", "tool")
_SECTIONS: Final = (
    ("Decisions", ("decision",)),
    ("Failures, and what then worked", ("failure", "fix")),
)


def markdown(tree: ExportedTree) -> Iterator[bytes]:
    """Yield the note: the task, where it stands, what was found, and the branches below it."""
    root = tree.root
    yield f"# Hand-off: {_line(root.view.task)}\n".encode()
    yield _section("Where it stands", _standing(root))
    yield _section("Conclusion", [tree.conclusion.strip()] if tree.conclusion else [])
    yield from _told(root)
    notes = dict(root.view.working_memory or {})
    notes.pop(_IMPORTED_NOTE, None)
    yield _section("Working memory", [f"- {_line(key)}: {_json(notes[key])}" for key in notes])
    yield _section("Branches", list(_branches(tree)))


def _standing(session: ExportedSession) -> list[str]:
    view = session.view
    by = f", by {view.agent}" if view.agent else ""
    lines = [f"- {view.status}{by}; session `{view.session_id}`"]
    if session.began is not None and session.last is not None:
        lines.append(f"- from {session.began:%Y-%m-%d %H:%M} to {session.last:%Y-%m-%d %H:%M} UTC")
    asked = session.of_kinds("request")
    if asked:
        lines.append(f"- asked last: {_line(asked[-1].text or '')}")
    answered = session.of_kinds("answer", "report")
    outcome = view.result or view.error or (answered[-1].text if answered else None)
    if outcome:
        lines += ["", outcome.strip()]
    return lines


def _told(session: ExportedSession) -> Iterator[bytes]:
    """Yield what a session found, by kind; of each kind the newest."""
    named = {kind for _, kinds in _SECTIONS for kind in kinds}
    for heading, kinds in _SECTIONS:
        yield _section(heading, _bullets(session.of_kinds(*kinds)))
    others = [
        one
        for one in session.insights
        if one.retired is None and one.kind not in named and one.kind not in _TALK
    ]
    yield _section("Findings", _bullets(others))


def _bullets(insights: Sequence[InsightDetails]) -> list[str]:
    shown = insights[-SHOWN_OF_EACH:]
    left = len(insights) - len(shown)
    lines = [f"- {time_of(one):%Y-%m-%d} {_line(one.text or '')}" for one in shown]
    return [f"- ({left} older ones are left out)", *lines] if left else lines


def _branches(tree: ExportedTree) -> Iterator[str]:
    """Yield the branches below the root as a nested list."""
    below: dict[str | None, list[ExportedSession]] = {}
    for session in tree.sessions:
        below.setdefault(session.view.parent_id, []).append(session)
    waiting = [(one, 0) for one in reversed(below.get(tree.root.view.session_id, []))]
    while waiting:
        branch, level = waiting.pop()
        view = branch.view
        role = f" ({_line(view.role)})" if view.role else ""
        outcome = view.result or view.error
        told = f": {_line(outcome)}" if outcome else ""
        yield f"{'  ' * level}- {_line(view.task)}{role}, {view.status}{told}"
        waiting += [(one, level + 1) for one in reversed(below.get(view.session_id, []))]


def _section(heading: str, lines: Sequence[str]) -> bytes:
    """Return a section; nothing where there is nothing to say."""
    body = "\n".join(lines)
    return f"\n## {heading}\n\n{body}\n".encode() if lines else b""


def _line(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= LINE_LENGTH_MAX else flat[: LINE_LENGTH_MAX - 1] + "…"


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
