"""The support of a sentence by a source: a check without a model, which errs towards a refusal.

A sentence is supported where one source says all of it. Its names, identifiers, and quantities with
sign and unit stand there, in the same order. So does every other word, by its stem, but for a few
that only join, and the meaning is near. A synonym is no word of the source: such a sentence is
dropped. One that is dropped wrongly costs a line; one kept wrongly is memory that nobody ever said.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from anabranch_recall import entities
from anabranch_recall.language import DROPPED
from anabranch_recall.words import folded, stems_of, words_in
from anabranch_thinking.consolidation.quantities import (
    COUNTS,
    MONTHS,
    THOUSANDS,
    YEAR,
    lacks_quantities,
)
from anabranch_thinking.consolidation.turns import denies_otherwise, turns
from anabranch_thinking.consolidation.wording import NEGATIONS, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from anabranch_thinking.consolidation.wording import Wording

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
    r"[_@#\\=]|\w[.:]\w|/.*[\W\d_]|[\W\d_].*/|[a-z][A-Z]|[^\W\d_]\d|\d[^\W\d_]"
)
_LETTER: Final = re.compile(r"[^\W\d_]")
_LATIN: Final = frozenset({"e.g", "i.e"})
_JOINING: Final = frozenset({",", "and", "or", "&"})
_JOINS: Final = words(
    """
also additionally moreover furthermore meanwhile however though although whereas overall s t
"""
)
"""Words that a sentence may have of its own: they join, and say nothing; 's and n't among them."""
_JUDGED_BY_SIGN: Final = NEGATIONS - words(
    "lacks lack unable ineffective refuses refused rejects rejected avoid avoids"
)
"""Words that only deny: the sign of each part is looked at by itself."""
_PLACING: Final = words("from to into onto by for with against via through in on at of as than")
_ARTICLES: Final = frozenset({"a", "an", "the"})
_PERSONS: Final[tuple[frozenset[str], ...]] = (
    *map(words, ("i me my mine myself", "we us our ours", "you your yours yourself")),
    *map(words, ("he him his", "she her hers", "they them their theirs themselves")),
)
_PIECES: Final = re.compile(r"\w+(?:[.,:-]\w+)*|[^\w\s]")


class Fault(StrEnum):
    """The reason for which a sentence is dropped, in the order in which they are looked for."""

    UNCITED = "uncited"
    UNKNOWN_SOURCE = "unknown_source"
    NUMBERS = "numbers"
    NAMES = "names"
    SWAPPED = "swapped"
    NEGATION = "negation"
    TURNED = "turned"
    WORDS = "words"
    MEANING = "meaning"
    REPEATED = "repeated"


def fault_of(sentence: Wording, source: Wording, cosine: float | None) -> Fault | None:
    """Return why `source` does not support `sentence`, None where it does.

    `cosine` is that of their vectors, None where there are none.
    """
    return next(
        (fault for fault, broken in _CHECKS if broken(sentence, source, cosine)),
        None,
    )


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
    """Tell whether a sentence has a word of its own, or its words in other places.

    A count in words is a number, and one written in figures or with signs is looked at elsewhere.
    """
    own, given = (frozenset(words_in(one.text)) for one in (sentence, source))
    said = [word for word in own if word not in _OWN_ALLOWED and not word[0].isdigit()]
    if not sentence.stems or not frozenset(stems_of(said)) <= frozenset(stems_of([*given])):
        return True
    if any(own & group and not given & group for group in _PERSONS):
        return True
    return _places_otherwise(sentence, source) or _pairs_otherwise(sentence, source)


def _places_otherwise(sentence: Wording, source: Wording) -> bool:
    """Tell whether a word follows another preposition than in the source: from Uji, to Uji."""
    said, given = _placed(sentence), _placed(source)
    return any(word in given and not places & given[word] for word, places in said.items())


def _placed(text: Wording) -> dict[str, frozenset[str]]:
    """Return the stems that follow a preposition, each with those that it follows."""
    found: dict[str, frozenset[str]] = {}
    said = [one for one in text.pieces if one not in _ARTICLES]
    for one, other in pairwise(said):
        if one in _PLACING and other[0].isalnum():
            for stem in stems_of([other]):
                found[stem] = found.get(stem, frozenset()) | {one}
    return found


def _pairs_otherwise(sentence: Wording, source: Wording) -> bool:
    """Tell whether two words stand side by side of which each stands by another in the source.

    So it is with "the blue car" of a red car and a blue door.
    """
    runs = [*_runs(source)]
    begins = {one for run in runs for one in run[:-1]}
    ends = {other for run in runs for other in run[1:]}
    together = {(one, other) for run in runs for at, one in enumerate(run) for other in run[at:]}
    return any(
        one in begins and other in ends and (one, other) not in together
        for run in _runs(sentence)
        for one, other in pairwise(run)
    )


def _runs(text: Wording) -> Iterator[list[str]]:
    """Yield the runs of words that stand side by side, as stems, without common words between."""
    run: list[str] = []
    for piece in text.pieces:
        if piece[0].isalnum() and piece not in DROPPED:
            run += stems_of([piece])
        else:
            yield run
            run = []
    yield run


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
    return not _ordered(sentence) <= _ordered(source) or lacks_quantities(
        sentence.text, source.text
    )


def _ordered(text: Wording) -> frozenset[str]:
    """Return the words that order, date and count."""
    return frozenset(one for one in text.values if one.isalpha() and one not in COUNTS)


def _swaps(sentence: Wording, source: Wording, _cosine: float | None) -> bool:
    """Tell whether names, or numbers, stand in another order than in the source."""
    said, given = (
        _PIECES.findall(folded(THOUSANDS.sub("", one.text))) for one in (sentence, source)
    )
    names = frozenset(
        word
        for text in (sentence.text, source.text)
        for one in entities(text)
        for word in words_in(one)
    )
    return (
        _turned_round(said, given, lambda at, pieces: pieces[at] if pieces[at] in names else None)
        or _turned_round(said, given, _number_at)
        or _ends_swapped(sentence, source)
    )


def _turned_round(
    said: Sequence[str], given: Sequence[str], anchor: Callable[[int, Sequence[str]], str | None]
) -> bool:
    """Tell whether two anchors that follow each other stand the other way round in the source.

    Those of a list have no order.
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
        between = frozenset(said[at + 1 : to]) | frozenset(given[last + 1 : first])
        if not between <= _JOINING:
            return True
    return False


def _number_at(at: int, pieces: Sequence[str]) -> str | None:
    """Return the number at a place, None for a part of a date."""
    piece = COUNTS.get(pieces[at], pieces[at])
    if not piece[0].isdigit() or YEAR.fullmatch(piece) or "-" in piece:
        return None
    beside = frozenset(pieces[max(0, at - 1) : at + 2])
    return None if beside & MONTHS else piece


def _ends_swapped(sentence: Wording, source: Wording) -> bool:
    """Tell whether the two ends of a statement are swapped, in a sentence of the same words.

    Where one of both says "by", the one is the other's passive: then they are if they are not.
    """
    if not sentence.stems <= source.stems:
        return False
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


_OWN_ALLOWED: Final = DROPPED | _JOINS | _JUDGED_BY_SIGN | frozenset(COUNTS)
_CHECKS: Final[Sequence[tuple[Fault, Callable[[Wording, Wording, float | None], bool]]]] = (
    (Fault.NUMBERS, _lacks_numbers),
    (Fault.NAMES, _lacks_names),
    (Fault.SWAPPED, _swaps),
    (Fault.NEGATION, lambda one, other, _: denies_otherwise(one.text, other.text)),
    (Fault.TURNED, lambda one, other, _: turns(one, other)),
    (Fault.WORDS, _lacks_words),
    (Fault.MEANING, _is_far),
)
