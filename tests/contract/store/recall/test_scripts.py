"""Words of recall through the index of every store: scripts, identifiers, inflected words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_store import GraphRanker
from anabranch_store.errors import GraphUnavailable
from anabranch_store.recall import ranker as ranking
from tests.support.histories import moment
from tests.support.learning import Account, learn
from tests.support.patience import PATIENCE_S
from tests.support.recalling import ask
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    import pytest

    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

RUNNING: Final = {
    "投影仪": "会议室的投影仪坏了、周三维修",
    "契約書": "契約書は来週までに更新が必要です",
    "프린터": "새로운프린터는이층에있습니다",
    "กุญแจสำรอง": "กุญแจสำรองอยู่ในลิ้นชักที่สอง",
}
"""A word that stands in running text, and that text."""
NAMED: Final = {
    "v2.15.1": "The gateway was rolled back to v2.15.1 at night",
    "crew:run": "The team begins each morning with crew:run in the office",
    "10.20.30.40": "The old printer answers at 10.20.30.40 only",
}
"""An identifier, and the one text that has it."""
INFLECTED: Final = {
    "Which pump leaks?": "Both pumps leaked during the flood",
    "Who is calibrating gauges?": "Marta calibrated the gauge at the weir",
}
"""A question, and the text that has its words in another form."""


async def test_a_word_that_no_space_sets_apart_is_found(graph: Graph) -> None:
    """Scripts without spaces and identifiers, by words alone, through the index."""
    account = Account()
    session = account.open()
    for number in range(20):
        account.remember(session, f"Ticket {number}: version {number} of printer {number} ran")
    for text in (*RUNNING.values(), *NAMED.values()):
        account.remember(session, text)
    await learn(graph, account.events)

    ranker = GraphRanker(graph, None, scan_max=0, timeout_s=PATIENCE_S, clock=lambda: moment(1000))

    for word, text in (RUNNING | NAMED).items():
        found = await ranker.recall(ask(word, k=3))

        assert [hit.text for hit in found][:1] == [text], word


async def test_words_within_longer_ones_that_cannot_be_looked_for_are_named(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index still answers, and the answer says that it lacks what only running text holds."""
    account = Account()
    session = account.open()
    for text in (RUNNING["프린터"], "프린터 is the Korean word for printer"):
        account.remember(session, text)
    await learn(graph, account.events)
    ranker = GraphRanker(graph, None, scan_max=0, timeout_s=PATIENCE_S, clock=lambda: moment(1000))

    async def fails(*_: object, **__: object) -> list[str]:
        raise GraphUnavailable("the graph is away", fix="wait")

    with monkeypatch.context() as patched:
        patched.setattr(ranking, "search_within", fails)
        found = await ranker.recall(ask("프린터", k=3))
    whole = await ranker.recall(ask("프린터", k=3))

    assert [hit.text for hit in found] == ["프린터 is the Korean word for printer"]
    assert found.lanes["words"].state == "ok"
    assert found.lanes["words_within"].state == "failed"
    assert "the graph is away" in str(found.lanes["words_within"].reason)
    assert len(whole.hits) == 2
    assert "words_within" not in whole.lanes


async def test_a_word_is_found_in_another_form(graph: Graph) -> None:
    """The index knows stems, as a scan does: a plural or a past tense costs no hit."""
    account = Account()
    session = account.open()
    for number in range(20):
        account.remember(session, f"Ticket {number}: the office asked for paper")
    for text in INFLECTED.values():
        account.remember(session, text)
    await learn(graph, account.events)

    ranker = GraphRanker(graph, None, scan_max=0, timeout_s=PATIENCE_S, clock=lambda: moment(1000))

    for question, text in INFLECTED.items():
        assert [hit.text for hit in await ranker.recall(ask(question, k=3))][:1] == [text]
