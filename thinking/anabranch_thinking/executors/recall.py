"""The executor without a model: it asks memory, and reads the answer by the branch's role.

Its findings are extractive and cite the insights they stand on: nothing is made up. Two runs over
the same memory give the same findings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Final

from anabranch_recall import entities, tokens
from anabranch_recall.filters import DERIVED
from anabranch_thinking.executors.base import RECALLED_MAX, BranchContext
from anabranch_thinking.roles import (
    CREATIVE_SYNTHESIS,
    FOCUS,
    META_COGNITION,
    PATTERN_RECOGNITION,
    RISK_ANALYSIS,
)
from anabranch_thinking.sessions.findings import Finding, InsightDraft, lead
from anabranch_thinking.sessions.recall import RecalledInsight

QUOTE_LENGTH_MAX: Final = 280
QUOTES_MAX: Final = 3
_RISK: Final = frozenset(
    tokens(
        "accident afraid allergy allergic anxious broke broken bug burnout cancel cancelled concern "
        "conflict crash danger dangerous deadline debt delay delayed difficult expensive expire "
        "expired fail failed failure fear forget forgot frustrated hurt ill injury issue late leak "
        "limit lose loss lost miss missed outage overdue overwhelmed pain problem risk risky scared "
        "sick stress stressed struggle struggling tired trouble unsafe upset urgent warn warning "
        "worry worried wrong"
    )
)
_WORD: Final = re.compile(r"\w[\w'\u2019-]*")

Hits = Sequence[RecalledInsight]


class RecallExecutor:
    """An executor that recalls memory on the branch's task, and reads it by the branch's role."""

    name = "recalling"

    def __init__(self, *, k: int = RECALLED_MAX) -> None:
        self._k = k

    async def run(self, branch: BranchContext) -> Finding:
        """Return the hits as the branch's role reads them; what was derived before is no hit."""
        recalled = await branch.recall(k=self._k)
        hits = list({hit.text: hit for hit in reversed(recalled) if hit.kind != DERIVED}.values())
        hits.reverse()
        if not hits:
            return Finding(result=f"Memory holds nothing on “{_short(branch.task)}”.")
        read = _READERS.get(branch.role or FOCUS.name, _focus)
        return read(branch.task, hits)


def _focus(_task: str, hits: Hits) -> Finding:
    best = hits[:QUOTES_MAX]
    drafts = [_draft(f"Most direct: {_quote(hit)}", [hit]) for hit in best[:2]]
    return Finding(result="\n".join(_quote(hit) for hit in best), insights=tuple(drafts))


def _pattern(task: str, hits: Hits) -> Finding:
    """Find names in several sessions, or else words that the task does not say."""
    found = _spread(_by_name(hits), last=set(entities(task))) or _spread(_by_word(task, hits))
    if not found:
        return Finding(result="Nothing comes back across the sessions that were recalled.")
    drafts = [
        _draft(
            f"{name} comes back in {_sessions(where)} sessions: {_quotes(where)}",
            where[:QUOTES_MAX],
        )
        for name, where in found[:2]
    ]
    return Finding(result="\n".join(draft.text for draft in drafts), insights=tuple(drafts))


def _by_name(hits: Hits) -> dict[str, list[RecalledInsight]]:
    found: dict[str, list[RecalledInsight]] = {}
    for hit in hits:
        for name in entities(hit.text):
            found.setdefault(name, []).append(hit)
    return found


def _by_word(task: str, hits: Hits) -> dict[str, list[RecalledInsight]]:
    """Return the hits of each longer word, which stands for its inflections too."""
    asked = set(tokens(task))
    written: dict[str, str] = {}
    found: dict[str, list[RecalledInsight]] = {}
    for hit in hits:
        words = [word.lower() for word in _WORD.findall(hit.text) if word.isalpha()]
        stems = {stem: word for word in words if len(word) > 4 for stem in tokens(word)}
        for stem, word in stems.items():
            if stem not in asked:
                found.setdefault(written.setdefault(stem, f"“{word}”"), []).append(hit)
    return found


def _spread(
    held: Mapping[str, list[RecalledInsight]], *, last: Collection[str] = ()
) -> list[tuple[str, list[RecalledInsight]]]:
    """Return what stands in two sessions or more, the widest spread first, `last` at the end."""
    names = sorted(
        held,
        key=lambda name: (name in last, -_sessions(held[name]), -len(held[name]), name),
    )
    return [(name, held[name]) for name in names if _sessions(held[name]) > 1]


def _sessions(hits: Hits) -> int:
    return len({hit.session_id for hit in hits})


def _synthesis(_task: str, hits: Hits) -> Finding:
    """Put together the two best hits of different sessions that share a word or a name."""
    for one, other in combinations(hits, 2):
        shared = set(tokens(one.text)) & set(tokens(other.text))
        if one.session_id != other.session_id and shared and one.text != other.text:
            text = f"Taken together: {_quote(one)} — and: {_quote(other)}"
            return Finding(result=text, insights=(_draft(text, [one, other]),))
    return Finding(result="What was recalled stands in one session, or shares no word.")


def _risk(_task: str, hits: Hits) -> Finding:
    risky = [hit for hit in hits if not _RISK.isdisjoint(tokens(hit.text))]
    if not risky:
        return Finding(result="Nothing that was recalled speaks of a risk.")
    drafts = [_draft(f"Could go wrong: {_quote(hit)}", [hit]) for hit in risky[:2]]
    return Finding(result="\n".join(map(_quote, risky[:QUOTES_MAX])), insights=tuple(drafts))


def _meta(task: str, hits: Hits) -> Finding:
    """Count memory's hits on the task, and name the words of it that no hit mentions."""
    sessions = {hit.session_id for hit in hits}
    known = {stem for hit in hits for stem in tokens(hit.text)}
    subject = task.split(": ", maxsplit=1)[-1]
    missing = [
        word
        for word in dict.fromkeys(_WORD.findall(subject))
        if tokens(word) and known.isdisjoint(tokens(word))
    ]
    lacks = f"; none mentions {', '.join(missing[:5])}" if missing else ""
    text = (
        f"On “{_short(subject)}” memory gave {_counted(len(hits), 'insight')} of "
        f"{_counted(len(sessions), 'session')}{lacks}."
    )
    return Finding(result=text, insights=(_draft(text, hits, confidence=0.5),))


_READERS: Final[Mapping[str, Callable[[str, Hits], Finding]]] = MappingProxyType(
    {
        FOCUS.name: _focus,
        PATTERN_RECOGNITION.name: _pattern,
        CREATIVE_SYNTHESIS.name: _synthesis,
        RISK_ANALYSIS.name: _risk,
        META_COGNITION.name: _meta,
    }
)


def _draft(text: str, hits: Hits, *, confidence: float = 0.8) -> InsightDraft:
    sources = tuple(hit.insight_id for hit in hits)
    return InsightDraft(text=text, kind=DERIVED, confidence=confidence, sources=sources)


def _quote(hit: RecalledInsight) -> str:
    return lead(hit.text, length_max=QUOTE_LENGTH_MAX)


def _quotes(hits: Hits) -> str:
    return " — ".join(dict.fromkeys(_quote(hit) for hit in hits[:QUOTES_MAX]))


def _short(task: str) -> str:
    return lead(task, length_max=120)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
