"""A settlement from a book alone: which of two insights takes the other's place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from anabranch_events import new_event, new_id
from anabranch_events.event.types import Insight, InsightRecorded
from anabranch_thinking.settling.book import Book
from anabranch_thinking.settling.settlement import Settlement, settle
from tests.support.settled import CHANGED, OPPOSED

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
HELD, CHANGED_TO = (text.format(7) for text in CHANGED)


def _settled(*said: tuple[str, datetime]) -> tuple[list[str], Settlement]:
    """Settle texts in the order of the log, each said at a time, in sessions of their own."""
    book = Book()
    new: list[str] = []
    for position, (text, time) in enumerate(said, start=1):
        one = Insight(insight_id=new_id(), text=text)
        event = new_event(
            InsightRecorded(**one.model_dump()), session_id=new_id(), namespace="test", time=time
        )
        new += book.take(event, position)
    return new, settle(book, new, vectors={})


def test_what_is_imported_later_replaces_nothing_that_was_said_after_it() -> None:
    """The log has the order of arrival; what was said in March is no news to what holds in May."""
    (_, _), found = _settled((HELD, MARCH + timedelta(days=60)), (CHANGED_TO, MARCH))

    assert (found.superseded, found.opposed) == ([], [])


def test_what_is_imported_later_gives_way_to_what_was_said_after_it() -> None:
    """The insight that says what it replaces takes the place of one that came later into the log."""
    (changed, held), found = _settled((CHANGED_TO, MARCH + timedelta(days=60)), (HELD, MARCH))

    assert [(one.older, one.newer) for one in found.superseded] == [(held, changed)]


def test_clocks_may_differ_a_little() -> None:
    """Within an hour the order of the log counts: machines do not agree on the time."""
    (held, changed), found = _settled((HELD, MARCH), (CHANGED_TO, MARCH - timedelta(minutes=1)))

    assert [(one.older, one.newer) for one in found.superseded] == [(held, changed)]


def test_a_conflict_has_what_was_said_first_as_the_older() -> None:
    """Both sides are there, in the order in which they were said."""
    opposed = [text.format(7) for text in OPPOSED]
    later = MARCH + timedelta(days=60)
    (one, other), found = _settled((opposed[1], later), (opposed[0], MARCH))

    assert [(each.older, each.newer) for each in found.opposed] == [(other, one)]
