"""Sessions for people."""

from __future__ import annotations

import io

from rich.console import Console

from anabranch.terminal.sessions import session_tree
from anabranch.views import SessionView

LINE = 1200


def test_a_deep_line_is_shown_whole() -> None:
    """A thought that is deeper than the terminal is wide has a line for each of its sessions."""
    views = [
        SessionView(
            session_id=f"session-{number:08}",
            parent_id=f"session-{number - 1:08}" if number else None,
            root_id="session-00000000",
            depth=number,
            task="Ask upstream",
            role=None,
            agent=None,
            status="running",
            priority="normal",
            forked_at=number or None,
            opened_at=None,
            ended_at=None,
            result=None,
            error=None,
            position=number + 1,
        )
        for number in range(LINE)
    ]
    out = io.StringIO()

    Console(file=out, width=80).print(session_tree(views))

    shown = out.getvalue().splitlines()
    assert len(shown) == LINE
    assert [line.rstrip()[-8:] for line in shown] == [f"{number:08}" for number in range(LINE)]
    assert f"{LINE - 1} deep" in shown[-1]
