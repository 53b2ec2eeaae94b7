"""Sessions as people see them, on terminals of any width."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from anabranch.terminal.sessions import session_panel, session_tree, sessions_table
from anabranch.views import InsightView, SessionView

ID = "01a20728-9303-7384-8336-25da4fe2860a"
LINE = 1200
INSIGHT = "01a20728-9303-7384-8336-25da4fe2860b"
VIEW = SessionView(
    session_id=ID,
    parent_id=None,
    root_id=ID,
    depth=0,
    task="Plan the move of the production database to another region",
    role="risk analysis",
    agent=None,
    status="dead_lettered",
    priority="normal",
    forked_at=None,
    opened_at=datetime(2026, 11, 28, 14, 30, tzinfo=UTC),
    ended_at=None,
    result=None,
    error=None,
    position=7,
    working_memory={},
    insights=(InsightView(insight_id=INSIGHT, text="The port is 5433.", kind="fact"),),
)


def shown(picture: object, *, width: int) -> str:
    """Return a picture as a terminal of this width shows it."""
    file = io.StringIO()
    Console(file=file, width=width).print(picture)
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_list_keeps_all_that_is_typed(width: int) -> None:
    """Two lines a session: the end of its id, which is never cut, its status, and its task."""
    first, second = shown(sessions_table([VIEW]), width=width).splitlines()

    assert first.startswith("4fe2860a  ✗ dead_lettered  2026-11-28")
    assert second.startswith("          Plan the move of the")
    assert max(len(first), len(second)) <= width


def test_a_wide_list_has_whole_ids() -> None:
    """Where there is room for it the whole id stands in the list, in a line a session."""
    _, line = shown(sessions_table([VIEW]), width=160).splitlines()

    assert line.split("  ")[0] == ID
    assert "risk analysis" in line


def test_a_session_shows_the_ids_of_its_insights() -> None:
    """Each insight stands with the end of its id, by which it can be named."""
    lines = shown(session_panel(VIEW), width=80).splitlines()

    assert lines[-1].split() == ["fact", "The", "port", "is", "5433.", "4fe2860b"]


def test_a_deep_line_is_shown_whole() -> None:
    """A thought that is deeper than the terminal is wide has a line for each of its sessions."""
    views = [
        VIEW.model_copy(
            update={
                "session_id": f"session-{number:08}",
                "parent_id": f"session-{number - 1:08}" if number else None,
                "depth": number,
                "task": "Ask upstream",
                "role": None,
            }
        )
        for number in range(LINE)
    ]
    out = io.StringIO()

    Console(file=out, width=80).print(session_tree(views))

    shown = out.getvalue().splitlines()
    assert len(shown) == LINE
    assert [line.rstrip()[-8:] for line in shown] == [f"{number:08}" for number in range(LINE)]
    assert f"{LINE - 1} deep" in shown[-1]
