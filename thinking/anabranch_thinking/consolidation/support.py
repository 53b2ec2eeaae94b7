"""The support of a sentence by a source: a check without a model, which errs towards a refusal.

A sentence is supported where one source says all of it. Each of its words stands there, by its
stem. Names, identifiers and quantities stand there as written, in the same roles, and the meaning
is near. A sentence that is dropped wrongly costs a line. One kept wrongly is memory that nobody
ever said.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from anabranch_recall import entities
from anabranch_recall.text.language import DROPPED
from anabranch_recall.text.words import folded, stems_of, words_in
from anabranch_thinking.consolidation.quantities import measures_otherwise, number_at, spelled_out
from anabranch_thinking.consolidation.roles import free_in, swaps_roles
from anabranch_thinking.consolidation.turns import denies_otherwise, turns
from anabranch_thinking.consolidation.wording import Wording, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SHARED_MIN: Final = 0.6
"""The share of a sentence's words below which no finer reason is looked for."""
MEANING_MIN: Final = 0.7
"""The cosine of a sentence and its source."""

ENDS_MIN: Final = 3
"""The words of a statement that has two ends: somebody, what is done, something."""

_ORDINARY: Final = words(
    """
also another both each either every several many most much some any all other others overall only
currently now today later earlier previously recently initially finally additionally moreover
furthermore meanwhile instead still even however according among before after since during while
when where although though because once here there people someone everyone one two three nobody
"""
)
"""Words at the start of a sentence that are no names."""
_TOKEN: Final = re.compile("[^\\s()\\[\\]{}<>\"'\u201c\u201d\u2018\u2019,;]+")
_IDENTIFIER: Final = re.compile(
    r"[_@#\\=]|\w[.:]\w|/[^\W\d_]*[\W\d_]|[\W\d_][^\W\d_]*/|[a-z][A-Z]|[^\W\d_]\d|\d[^\W\d_]"
)
_LETTER: Final = re.compile(r"[^\W\d_]")
_LATIN: Final = frozenset({"e.g", "i.e"})
_JOINING: Final = frozenset({",", "and", "or", "&"})
_CLAUSE_MARKS: Final = frozenset(",;.")
_GENITIVE: Final = frozenset({"s"})
_PIECES: Final = re.compile(r"\w+(?:[.,:-]\w+)*|[^\w\s]")


class Fault(StrEnum):
    """The reason for which a sentence is dropped, in the order in which they are looked for."""

    UNCITED = "uncited"
    UNKNOWN_SOURCE = "unknown_source"
    WORDS = "words"
    NUMBERS = "numbers"
    NAMES = "names"
    SWAPPED = "swapped"
    NEGATION = "negation"
    TURNED = "turned"
    MEANING = "meaning"
    REPEATED = "repeated"


def worded(text: str) -> Wording:
    """Return a text as it is compared: numbers, signs and units spelled out, each in one way."""
    return Wording(spelled_out(text))


def fault_of(sentence: Wording, source: Wording, cosine: float | None) -> Fault | None:
    """Return why `source` does not support `sentence`, None where it does.

    Both are as `worded` gives them. `cosine` is that of their vectors, None where there are none.
    """
    return next((fault for fault, broken in _CHECKS if broken(sentence, source, cosine)), None)


def fault_of_all(
    sentence: Wording, sources: Iterable[Wording], cosines: Iterable[float | None]
) -> tuple[Fault | None, list[bool]]:
    """Return the fault with regard to several sources, and which of them support a sentence.

    One that supports it is enough; else the fault is that of the source which came furthest.
    """
    order = [*Fault]
    faults = [fault_of(sentence, *one) for one in zip(sources, cosines, strict=True)]
    supported = [fault is None for fault in faults]
    found = [fault for fault in faults if fault is not None]
    return (None if any(supported) else max(found, key=order.index)), supported


def _lacks_words(sentence: Wording, source: Wording, _cosine: float | None) -> bool:
    return not sentence.stems - _GENITIVE <= source.stems


def _has_other_words(sentence: Wording, source: Wording, _cosine: float | None) -> bool:
    shared = sentence.stems & source.stems
    return not shared or len(shared) < SHARED_MIN * len(sentence.stems)


def _is_far(_sentence: Wording, _source: Wording, cosine: float | None) -> bool:
    return cosine is not None and cosine < MEANING_MIN


def _lacks_names(sentence: Wording, source: Wording, _cosine: float | None) -> bool:
    opening = [
        word
        for word in words_in(" ".join(sentence.opening))
        if len(word) > 1 and word not in DROPPED and word not in _ORDINARY
    ]
    named = sentence.names | frozenset(stems_of([one for one in opening if not one.isdigit()]))
    if not named <= frozenset(stems_of(words_in(source.text))):
        return True
    return not _identifiers(sentence.text) <= _words_as_written(source.text)


def _lacks_numbers(sentence: Wording, source: Wording, _cosine: float | None) -> bool:
    return not sentence.values.keys() <= source.values.keys() or measures_otherwise(
        sentence.text, source.text
    )


def _swaps(sentence: Wording, source: Wording, _cosine: float | None) -> bool:
    """Tell whether names, or numbers, stand in another order than in the source."""
    said, given = (_PIECES.findall(folded(one.text)) for one in (sentence, source))
    names = frozenset(
        word
        for text in (sentence.text, source.text)
        for one in entities(text)
        for word in words_in(one)
    )
    return (
        _turned_round(said, given, lambda at, pieces: pieces[at] if pieces[at] in names else None)
        or _turned_round(said, given, number_at)
        or _ends_swapped(sentence, source)
        or _order_turned(sentence, source, said, given)
        or swaps_roles(sentence.text, source.text)
    )


def _order_turned(
    sentence: Wording, source: Wording, said: Sequence[str], given: Sequence[str]
) -> bool:
    """Tell whether words that stand freely in both follow each other in another order.

    "Ann leads Bo" is not "Bo leads Ann". A passive is not looked at.
    """
    if ("by" in said) != ("by" in given):
        return False
    free = free_in(sentence.text) & free_in(source.text)
    return _turned_round(
        said,
        given,
        lambda at, pieces: pieces[at] if pieces[at] in free else None,
        apart=_CLAUSE_MARKS,
    )


def _turned_round(
    said: Sequence[str],
    given: Sequence[str],
    anchor: Callable[[int, Sequence[str]], str | None],
    *,
    apart: frozenset[str] = frozenset(),
) -> bool:
    """Tell whether two anchors that follow each other stand the other way round in the source.

    Those of a list have no order, nor have two with one of `apart` between them.
    """
    own = [(at, found) for at in range(len(said)) if (found := anchor(at, said)) is not None]
    places: dict[str, list[int]] = {}
    for at in range(len(given)):
        if (found := anchor(at, given)) is not None:
            places.setdefault(found, []).append(at)
    for (at, one), (to, other) in pairwise(own):
        if one == other or one not in places or other not in places:
            continue
        first, last = places[one][0], places[other][-1]
        if first < last:
            continue
        after = frozenset(said[at + 1 : to])
        between = after | frozenset(given[last + 1 : first])
        if not (between and between <= _JOINING) and not after & apart:
            return True
    return False


def _ends_swapped(sentence: Wording, source: Wording) -> bool:
    """Tell whether the two ends of a statement are swapped, in a sentence of the same words.

    Where one of both says "by", the one is the other's passive: then they are if they are not.
    """
    own, given = (
        [one for one in stems_of([*text.pieces]) if one in text.stems]
        for text in (sentence, source)
    )
    if min(len(own), len(given)) < ENDS_MIN or own[0] == own[-1]:
        return False
    passive = ("by" in sentence.pieces) != ("by" in source.pieces)
    ends = (given[0], given[-1]) if passive else (given[-1], given[0])
    return (own[0], own[-1]) == ends


def _identifiers(text: str) -> frozenset[str]:
    """Return the words of a text that are written as no word is: paths, versions, addresses."""
    return frozenset(
        one
        for one in _words_as_written(text)
        if _IDENTIFIER.search(one) and _LETTER.search(one) and one not in _LATIN
    )


def _words_as_written(text: str) -> frozenset[str]:
    found = (one.strip(".:!?*`") for one in _TOKEN.findall(text))
    return frozenset(found)


_CHECKS: Final[Sequence[tuple[Fault, Callable[[Wording, Wording, float | None], bool]]]] = (
    (Fault.WORDS, _has_other_words),
    (Fault.NUMBERS, _lacks_numbers),
    (Fault.NAMES, _lacks_names),
    (Fault.SWAPPED, _swaps),
    (Fault.NEGATION, lambda one, other, _: denies_otherwise(one.text, other.text)),
    (Fault.TURNED, lambda one, other, _: turns(one, other)),
    (Fault.WORDS, _lacks_words),
    (Fault.MEANING, _is_far),
)
