"""Recalled memory as text for a prompt: within a token budget, each statement with its citation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict

from anabranch_recall.differences import Difference, arranged
from anabranch_recall.question import Lane
from anabranch_recall.text.prompt_tokens import prompt_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch_recall.question import Hit, Recollection

TOKENS: Final = 2000
"""The default budget of a context."""
TOKENS_MAX: Final = 1_000_000
INSIGHTS: Final = 20
"""The default number of insights that a context is made of, at most."""
SYNTHESES_MAX: Final = 3
_SHARE_OF_SYNTHESES: Final = 0.5
_LINES_MIN: Final = 2
_WORDS_MIN: Final = 3
_CONSOLIDATED: Final = "Consolidated:"
_RECALLED: Final = "Recalled, the best first:"
_MARK: Final = re.compile(r"\[(\d+)(?:-(\d+))?\]")
_REMARKS: Final = {
    "superseded": "superseded by {}",
    "conflict": "contradicts {}, which is newer",
    "value": "older than {}",
}


class Citation(BaseModel):
    """The insight that `[n]` in a context's text stands for."""

    model_config = ConfigDict(frozen=True)
    n: int
    insight_id: str


class RecalledContext(BaseModel):
    """Memory on a question as `text` for a prompt.

    `tokens` is the length of the text by our estimate, never above the budget. `citations` has an
    insight for each `[n]` in the text, in the order of the numbers. `consolidations` stand in the
    text, before the insights. `left_out` is the number of recalled insights for which there was no
    room. The other fields are those of the recall.
    """

    model_config = ConfigDict(frozen=True)
    text: str
    tokens: int
    citations: tuple[Citation, ...]
    consolidations: tuple[str, ...]
    left_out: int
    recall_id: str | None
    position: int
    ranker: str
    lanes: dict[str, Lane]
    nothing_close: bool


class Synthesis(BaseModel):
    """A consolidation as a context reads it: `[n]` in its text is the n-th of `sources`."""

    model_config = ConfigDict(frozen=True)
    consolidation_id: str
    text: str
    position: int
    sources: tuple[str, ...]


def context_of(
    found: Recollection,
    *,
    tokens: int,
    syntheses: Sequence[Synthesis] = (),
    differences: Sequence[Difference] = (),
    narrowed: bool = False,
) -> RecalledContext:
    """Lay an answer out as text of at most `tokens`.

    Consolidations that cover recalled insights come first, and have half of the budget at most.
    Where the question is `narrowed` by a scope or filters, all that they cite must be recalled.
    Insights follow by rank; of those that differ the most recent stands first. An insight without
    room is left out, and shorter ones may follow.
    """
    page = _Page(tokens)
    consolidations = _syntheses_on(page, covering(found.hits, syntheses, narrowed=narrowed))
    left_out = _hits_on(page, found.hits, differences, headed=bool(consolidations))
    return RecalledContext(
        text="\n".join(page.lines),
        tokens=page.used,
        citations=tuple(
            Citation(n=number, insight_id=insight_id) for insight_id, number in page.numbers.items()
        ),
        consolidations=consolidations,
        left_out=left_out,
        recall_id=found.recall_id,
        position=found.position,
        ranker=found.ranker,
        lanes=found.lanes,
        nothing_close=found.nothing_close,
    )


def covering(
    hits: Sequence[Hit], syntheses: Sequence[Synthesis], *, narrowed: bool = False
) -> list[Synthesis]:
    """Return the consolidations that cover at least two of the hits, the best ones first.

    Of two that cover the same, the most recent stays. A source with the text of a hit is that hit.
    """
    recalled = {hit.insight_id for hit in hits}
    same = {also.insight_id: hit.insight_id for hit in hits for also in hit.also}
    known_as = [
        one.model_copy(update={"sources": tuple(same.get(each, each) for each in one.sources)})
        for one in syntheses
    ]
    covered = {one.consolidation_id: recalled & set(one.sources) for one in known_as}
    best = sorted(
        (one for one in known_as if not narrowed or recalled >= set(one.sources)),
        key=lambda one: (
            -len(covered[one.consolidation_id]),
            -one.position,
            one.consolidation_id,
        ),
    )
    chosen: list[Synthesis] = []
    known: set[str] = set()
    for one in best:
        new = covered[one.consolidation_id]
        if len(new) > 1 and not new <= known:
            chosen.append(one)
            known |= new
    return chosen[:SYNTHESES_MAX]


@dataclass
class _Page:
    """The lines so far, the tokens they took, and the numbers that insights have."""

    budget: int
    lines: list[str] = field(default_factory=list)
    used: int = 0
    numbers: dict[str, int] = field(default_factory=dict)

    def fits(self, lines: Sequence[str], *, budget: int | None = None) -> bool:
        """Tell whether lines can be added within the budget, or within another one."""
        return self.used + self._cost(lines) <= (self.budget if budget is None else budget)

    def add(self, lines: Sequence[str], numbers: Mapping[str, int]) -> None:
        """Add lines, with the numbers that they give to insights."""
        self.used += self._cost(lines)
        self.lines += lines
        self.numbers.update(numbers)

    def room(self) -> int:
        """Return how many tokens one more line may have."""
        return self.budget - self.used - bool(self.lines)

    def _cost(self, lines: Sequence[str]) -> int:
        breaks = len(lines) - (0 if self.lines else 1)
        return sum(map(prompt_tokens, lines)) + breaks


def _syntheses_on(page: _Page, chosen: Sequence[Synthesis]) -> tuple[str, ...]:
    """Write the consolidations that have room; return their ids."""
    budget = int(page.budget * _SHARE_OF_SYNTHESES)
    written: list[str] = []
    for one in chosen:
        head = [] if written else [_CONSOLIDATED]
        lines, numbers = _cited(one, page.numbers)
        count = len(lines)
        while count and not page.fits([*head, *(line for line, _ in lines[:count])], budget=budget):
            count -= 1
        if not count or count < min(_LINES_MIN, len(lines)):
            continue
        used = {each for _, named in lines[:count] for each in named}
        kept = {each: number for each, number in numbers.items() if each in used}
        page.add([*head, *(line for line, _ in lines[:count])], kept)
        written.append(one.consolidation_id)
    return tuple(written)


def _cited(
    one: Synthesis, known: Mapping[str, int]
) -> tuple[list[tuple[str, list[str]]], dict[str, int]]:
    """Return the lines of a consolidation, each with the insights it names, and their numbers.

    Numbers go up from line to line, so that those of the first lines have no gap.
    """
    numbers: dict[str, int] = {}

    def number_of(insight_id: str) -> int:
        if insight_id in known:
            return known[insight_id]
        return numbers.setdefault(insight_id, len(known) + len(numbers) + 1)

    lines: list[tuple[str, list[str]]] = []
    for line in one.text.splitlines():
        named: list[str] = []

        def marks(found: re.Match[str], named: list[str] = named) -> str:
            first, last = int(found[1]), int(found[2] or found[1])
            if not 1 <= first <= last <= len(one.sources):
                return _spaced(found)
            cited = tuple(dict.fromkeys(one.sources[first - 1 : last]))
            named += cited
            return "".join(f"[{number_of(each)}]" for each in cited)

        lines.append((_MARK.sub(marks, line.rstrip()), named))
    return [(line, named) for line, named in lines if line], numbers


def _hits_on(
    page: _Page, hits: Sequence[Hit], differences: Sequence[Difference], *, headed: bool
) -> int:
    """Write the insights that have room; return how many have none."""
    head = ["", _RECALLED] if headed else []
    left_out = 0
    for hit, newer in arranged(hits, differences):
        number = page.numbers.get(hit.insight_id, len(page.numbers) + 1)
        written = [(each, page.numbers[each.newer]) for each in newer if each.newer in page.numbers]
        line = _line(hit, number, written)
        if page.fits([*head, line]):
            page.add([*head, line], {hit.insight_id: number})
            head = []
        else:
            left_out += 1
    if hits and not page.lines:
        left_out -= _first_cut(page, hits[0])
    return left_out


def _first_cut(page: _Page, hit: Hit) -> Literal[0, 1]:
    """Write as much of the best insight as there is room for; return whether there was any."""
    words = _text(hit).split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        line = f"[1] {' '.join(words[:middle])} …"
        low, high = (middle, high) if page.fits([line]) else (low, middle - 1)
    line = f"[1] {' '.join(words[:low])} …"
    if low < min(_WORDS_MIN, len(words)):
        return 0
    page.add([line], {hit.insight_id: 1})
    return 1


def _line(hit: Hit, number: int, newer: Sequence[tuple[Difference, int]]) -> str:
    said = [f"{hit.valid_from or hit.recorded_at:%Y-%m-%d}"]
    said += [_REMARKS[each.kind].format(f"[{other}]") for each, other in newer]
    if hit.retired is not None and not any(each.kind == "superseded" for each, _ in newer):
        said.append("no longer holds")
    return f"[{number}] {_text(hit)} ({'; '.join(said)})"


def _text(hit: Hit) -> str:
    """Return an insight's text in one line, without anything that reads as a citation."""
    return _MARK.sub(_spaced, " ".join(hit.said.split()))


def _spaced(found: re.Match[str]) -> str:
    return f"[ {found[0][1:-1]} ]"
