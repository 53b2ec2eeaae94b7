"""Roles: who does what, to whom, where. A sentence of the same words may have swapped them.

Nothing is parsed. A thing stays behind its preposition, an owner is not what he owns, and a name
stays whole. A clause is not said of another clause's subject.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from anabranch_recall import entities, tokens
from anabranch_recall.text.language import DROPPED
from anabranch_recall.text.words import folded, stems_of, words_in
from anabranch_thinking.consolidation.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CLAUSES: Final = re.compile(
    r"[.;:,!?](?=\s|$)|[()\n\u3002\uff0c\uff1b]|"
    r"\b(?:but|however|although|though|while|whereas|and|because|so|except|"
    r"und|aber|sondern|et|mais|pero|maar|och|\u0438|\u043d\u043e)\b",
    re.IGNORECASE,
)
"""The marks and words between two clauses, or two things of a list."""
_PREPOSITIONS: Final = {
    word: group
    for group, members in {
        "in": "in at on inside within",
        "to": "to into onto toward towards",
        "from": "from",
        "with": "with",
        "for": "for",
        "than": "than",
        "over": "over",
        "under": "under",
        "instead": "instead",
        "before": "before until",
        "after": "after",
        "against": "against versus vs",
        "about": "about",
        "through": "through via",
        "since": "since",
        "of": "of by",
    }.items()
    for word in members.split()
}
_WORDS: Final = re.compile(r"\w+(?:[.:-]\w+)*(?:['\u2019]\w+)?|[^\w\s]")
_COMMON: Final = DROPPED - {"may"}
_OWNER: Final = re.compile("['\u2019]s?$")
_PERSONS: Final[tuple[frozenset[str], ...]] = (
    *map(words, ("i me my mine myself", "we us our ours", "you your yours yourself")),
    *map(words, ("he him his", "she her hers", "they them their theirs themselves")),
)
_LITTLE: Final = words("a an the this that these those its his her their our my your both all")


def swaps_roles(sentence: str, source: str) -> bool:
    """Tell whether a sentence gives a thing another role than its source does."""
    return (
        _breaks_names(sentence, source)
        or _behind_others(sentence, source)
        or _has_become(sentence, source)
        or _merges_clauses(sentence, source)
        or _other_person(sentence, source)
        or _pairs_otherwise(sentence, source)
    )


def _other_person(sentence: str, source: str) -> bool:
    """Tell whether a sentence speaks of a person of whom its source does not: his key, her key."""
    own, given = (frozenset(words_in(one)) for one in (sentence, source))
    return any(own & group and not given & group for group in _PERSONS)


def _pairs_otherwise(sentence: str, source: str) -> bool:
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


def _runs(text: str) -> Iterator[list[str]]:
    """Yield the runs of words that stand side by side, as stems, without common words between."""
    run: list[str] = []
    for piece in _WORDS.findall(folded(text)):
        if piece[0].isalnum() and piece not in DROPPED:
            run += stems_of([piece])
        else:
            yield run
            run = []
    yield run


def _breaks_names(sentence: str, source: str) -> bool:
    """Tell whether words that are one name in a sentence stand apart in the source."""
    given = f" {' '.join(words_in(source))} "
    names = (
        words_in(name)
        for name in entities(sentence)
        if all(word[0].isupper() for word in name.split())
    )
    return any(len(name) > 1 and f" {' '.join(name)} " not in given for name in names)


def _behind_others(sentence: str, source: str) -> bool:
    """Tell whether something stands behind another preposition than in the source."""
    given: dict[str, set[str]] = {}
    for stem, preposition in _placed(source):
        given.setdefault(stem, set()).add(preposition)
    return any(
        at_once
        and preposition not in {"", "of"}
        and preposition not in given.get(stem, {preposition})
        for stem, preposition, at_once in _placed_at_once(sentence)
    )


def _placed(text: str) -> Iterator[tuple[str, str]]:
    for stem, preposition, _ in _placed_at_once(text):
        yield stem, preposition


def _placed_at_once(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each stem with the last preposition before it; true for the first one behind it."""
    preposition, at_once = "", False
    for word in _WORDS.findall(folded(text)):
        if word in _PREPOSITIONS:
            if not (at_once and word == "of"):
                preposition, at_once = _PREPOSITIONS[word], True
        elif not word[0].isalnum():
            preposition, at_once = ("", False) if word in ".,;:!?()" else (preposition, at_once)
        elif word not in _COMMON and word not in _LITTLE:
            for stem in stems_of([re.split("['\u2019]", word)[0]]):
                yield stem, preposition, at_once
            at_once = False


def free_in(text: str) -> frozenset[str]:
    """Return the words of a text that stand behind no preposition, and own nothing. No numbers."""
    found: set[str] = set()
    placed: set[str] = set()
    behind = False
    for word in _WORDS.findall(folded(text)):
        if word in _PREPOSITIONS or not word[0].isalnum():
            behind = word in _PREPOSITIONS
        elif word not in _LITTLE:
            (placed if behind or _OWNER.search(word) else found).update(words_in(word))
            behind = False
    return frozenset(one for one in found - placed - DROPPED if not one.isdigit())


def _has_become(sentence: str, source: str) -> bool:
    """Tell whether a sentence is about somebody of whom the source has only something."""
    heads = _possessed(source)
    own = frozenset(stems_of(words_in(sentence)))
    return any(stem in own and not found & own for stem, found in heads.items())


def _possessed(text: str) -> Mapping[str, frozenset[str]]:
    """Return what only ever stands in a text as an owner, with all that it owns."""
    found: dict[str, set[str]] = {}
    free: set[str] = set()
    pieces = _WORDS.findall(folded(text))
    for at, word in enumerate(pieces):
        bare = _OWNER.sub("", word)
        if not bare[:1].isalnum() or bare in DROPPED or bare in _LITTLE:
            continue
        (stem, *_) = stems_of([bare]) or [bare]
        before = [one for one in pieces[max(0, at - 3) : at] if one not in _LITTLE]
        if (bare != word and (head := _content(pieces[at + 1 :]))) or (
            before[-1:] == ["of"] and (head := _content(pieces[: at - 1][::-1]))
        ):
            found.setdefault(stem, set()).add(head)
        else:
            free.add(stem)
    return {stem: frozenset(heads) for stem, heads in found.items() if stem not in free}


def _content(pieces: Sequence[str]) -> str | None:
    """Return the stem of the first word of pieces that is no common one."""
    for word in pieces:
        if word[0].isalnum() and word not in DROPPED and word not in _LITTLE and word != "of":
            return next(iter(stems_of(words_in(word))), word)
    return None


def _merges_clauses(sentence: str, source: str) -> bool:
    """Tell whether a clause of a sentence joins the middle of several clauses of the source.

    It may lie in one clause. Of several, it has the beginning of each without a gap. So it takes a
    subject with what is said of it later, and nothing of another subject.
    """
    given = [found for piece in CLAUSES.split(source) if (found := tokens(piece))]
    clauses = _clauses(sentence)
    return any(not _lies_in(frozenset(own), given) for own in clauses)


def _clauses(sentence: str) -> list[list[str]]:
    """Return the clauses of a sentence; what only lists names is one with what follows."""
    found: list[list[str]] = []
    listed: list[str] = []
    named = frozenset(stems_of([word for name in entities(sentence) for word in words_in(name)]))
    for piece in CLAUSES.split(sentence):
        own = tokens(piece)
        if own and frozenset(own) <= named | frozenset(own[:1]) and len(own) < 3:
            listed += own
        elif own:
            found.append([*listed, *own])
            listed = []
    return [*found, listed] if listed else found


def _lies_in(own: frozenset[str], given: Sequence[Sequence[str]]) -> bool:
    known = own & frozenset(stem for clause in given for stem in clause)
    if any(known <= frozenset(clause) for clause in given):
        return True
    whole: frozenset[str] = frozenset()
    for clause in given:
        whole |= _beginning(known, clause)
    return known <= whole


def _beginning(known: frozenset[str], clause: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for stem in clause:
        if stem not in known:
            break
        found.add(stem)
    return frozenset(found)
