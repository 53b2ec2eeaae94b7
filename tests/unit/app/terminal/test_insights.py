"""The table of an insight: what it says, and where it ended."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from anabranch.terminal.insights import insight_table
from anabranch.views import InsightDetails

ONE = "01a22ad9-583a-74bd-901b-062b53b3fbd9"


@pytest.mark.parametrize(
    ("text", "reason", "end"),
    [
        ("The gate is red", "measured again", "position 8: measured again"),
        (None, "forgotten", "position 8"),
    ],
)
def test_an_end_is_where_it_was_and_nothing_else(text: str | None, reason: str, end: str) -> None:
    """One that was retracted and forgotten later ended where it was retracted."""
    out = Console(file=io.StringIO(), width=120)

    out.print(
        insight_table(
            InsightDetails(
                insight_id=ONE,
                text=text,
                kind="observation",
                confidence=1.0,
                tags=(),
                entities=(),
                sources=(),
                valid_from=None,
                valid_until=None,
                session_id=ONE,
                agent=None,
                position=7,
                recorded_at=datetime(2026, 1, 31, tzinfo=UTC),
                retired=8,
                retired_reason=reason,
                supersedes=(),
                superseded_by=(),
            )
        )
    )

    assert isinstance(out.file, io.StringIO)
    (line,) = [one for one in out.file.getvalue().splitlines() if one.startswith("retired")]
    assert line.split(maxsplit=1)[1].rstrip() == end
