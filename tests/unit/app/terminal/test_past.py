"""The picture of a difference: each thing by the end of its id, a conflict by its subject."""

from __future__ import annotations

import io

from rich.console import Console

from anabranch.past.diff_model import ChangedAssociation, ChangedConflict, ChangedInsight, Diff
from anabranch.terminal.past import diff_picture

_LISTS = ("insights_", "associations_", "sessions_", "consolidations_", "conflicts_")
ONE = "01a22ad9-583a-74bd-901b-062b53b3fbd9"
OTHER = "01a22ad9-5889-769f-beca-28167c6c57a5"


def test_a_difference_shows_ids_by_their_ends_and_a_conflict_by_its_subject() -> None:
    """No line has a whole id; one that was resolved since says so in its own list alone."""
    conflict = ChangedConflict(
        insights=(ONE, OTHER), subject="the limit", position=18, decision="measured again"
    )
    retired = ChangedInsight.model_validate(
        {
            "insight_id": ONE,
            "session_id": OTHER,
            "text": "The limit is 500",
            "kind": "observation",
            "position": 22,
            "reason": "superseded",
            "by": OTHER,
        }
    )
    linked = ChangedAssociation.model_validate(
        {"from_id": OTHER, "to_id": ONE, "kind": "similar", "position": 19}
    )
    names = ("insights_retired", "associations_formed", "conflicts_opened", "conflicts_resolved")
    diff = Diff.model_validate(
        {
            **{name: [] for name in Diff.model_fields if name.startswith(_LISTS)},
            "namespace": "default",
            "after": 10,
            "to": 23,
            "events": 13,
            "sums": dict.fromkeys(names, 1),
            "insights_retired": [retired],
            "associations_formed": [linked],
            "conflicts_opened": [conflict],
            "conflicts_resolved": [conflict],
        }
    )
    written = io.StringIO()

    Console(file=written, width=200).print(diff_picture(diff))

    lines = [line.strip() for line in written.getvalue().splitlines()]
    assert ONE not in written.getvalue()
    assert OTHER not in written.getvalue()
    assert "!      18 53b3fbd9 against 7c6c57a5: the limit" in lines
    assert "✓      18 53b3fbd9 against 7c6c57a5: the limit  resolved: measured again" in lines
    assert "+      19 7c6c57a5 → 53b3fbd9  similar" in lines
    assert "-      22 superseded: The limit is 500  by 7c6c57a5  53b3fbd9" in lines
