"""Words: stems for ranking, names for linking, and BM25 over exactly the texts at hand."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.text.words import joined_words, stems_of, words_in, written_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SEARCH_TERMS_MAX: Final = 32
ASKED_MAX: Final = 256
_TEXTS_CACHED: Final = 8_192
_DAYS_CACHED: Final = 1_024
_K1: Final = 0.9
_B: Final = 0.4

_COMMON: Final = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
"""
_ASKING: Final = """
what who whom whose when where why which how do does did doing done have has had having am been
being were can could should would may might must shall i me my mine we us our ours you your yours
he him his she her hers its them theirs myself yourself about after also any been before between
both during each ever from just more most other over some than too under until very while so
"""
_OPENING: Final = """
user users assistant yes ok okay please thanks hi hello hey today tomorrow yesterday however
although because since once here let like know think get got tell lets
"""
DROPPED: Final = frozenset((_COMMON + _ASKING).split())
"""Words that stand everywhere, and the words with which people ask."""

_DAY: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(\d\d)")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NO_NAME: Final = DROPPED | frozenset(_OPENING.split())
_CAPITALISED: Final = r"[^\W\d_a-z][\w&-]*(?:['\u2019]\w+)*"
_NAME: Final = re.compile(rf"{_CAPITALISED}(?:[ \t]+{_CAPITALISED})*")
_ASCII_NAME: Final = re.compile(_NAME.pattern.replace(r"[^\W\d_a-z]", "[A-Z]"), re.ASCII)
"""Finds the same in ASCII, in half the time: a plain set of characters is quickly looked for."""
_HEADING: Final = re.compile(r"\u3010[^\u3010\u3011\n]*\u3011")
_POSSESSIVE: Final = re.compile(r"['\u2019]s?$")
_LABEL: Final = re.compile(r"[*'\"\u2019)]{0,2}:")
_SENTENCE_STARTS_AFTER: Final = ".!?:;\n\u2022\u3011([{'\"\u2018\u201c-\u2013\u2014/"


class Words(NamedTuple):
    """The count of each stem in a text, and of all its stems."""

    counts: Mapping[str, int]
    length: int


def tokens(text: str) -> list[str]:
    """Return the stems of `text` in order, without common words and question words.

    Words are folded and stemmed as `anabranch_recall.text.words` does. Dropping the words with
    which people ask moves retrieval more than the model of the vectors does.
    """
    return stems_of([word for word in words_in(text) if word not in DROPPED])


@lru_cache(maxsize=_TEXTS_CACHED)
def words_of(text: str) -> Words:
    """Return the stems of `text`, counted. The latest texts are kept."""
    counts = Counter(tokens(text))
    return Words(counts, counts.total())


def asked_words(text: str) -> dict[str, str]:
    """Return the stems of a question, each with the word that was asked; at most `ASKED_MAX`."""
    asked: dict[str, str] = {}
    for word in dict.fromkeys(word for word in words_in(text) if word not in DROPPED):
        for stem in stems_of([word]):
            asked.setdefault(stem, word)
        if len(asked) >= ASKED_MAX:
            break
    return dict(list(asked.items())[:ASKED_MAX])


def bm25(question: Iterable[str], documents: Sequence[Words]) -> list[float]:
    """Return each document's BM25 score for the stems of `question`: k1 = 0.9, b = 0.4.

    Document counts and the average length are those of `documents` and of nothing else. The idf is
    Lucene's, which is never negative. Repeated question words count once.
    """
    if not documents:
        return []
    mean = sum(document.length for document in documents) / len(documents) or 1.0
    norms = [_K1 * (1 - _B + _B * document.length / mean) for document in documents]
    scores = [0.0] * len(documents)
    for term in dict.fromkeys(question):
        found = [
            (at, document.counts[term])
            for at, document in enumerate(documents)
            if term in document.counts
        ]
        idf = log(1 + (len(documents) - len(found) + 0.5) / (len(found) + 0.5))
        for at, count in found:
            scores[at] += idf * count * (_K1 + 1) / (count + norms[at])
    return scores


@lru_cache(maxsize=_TEXTS_CACHED)
def entities(text: str) -> tuple[str, ...]:
    """Return the names that `text` mentions, each once, in the order they first stand there.

    A name is a run of capitalised words. Not a name are one word alone at the start of a sentence,
    a heading in brackets, and a label before a colon. Neither are common words at either end of a
    run.
    """
    if "\u3010" in text:
        text = _HEADING.sub(lambda heading: " " * len(heading[0]), text)
    found: dict[str, str] = {}
    for run in (_ASCII_NAME if text.isascii() else _NAME).finditer(text):
        words = run[0]
        if words not in found and words[0].isupper() and not _LABEL.match(text, run.end()):
            before = text[max(0, run.start() - 8) : run.start()].rstrip(" \t*#_")
            opens = not before or before[-1] in _SENTENCE_STARTS_AFTER
            if name := _name_in(words, opens=opens):
                found[words] = name
    return tuple(dict.fromkeys(found.values()))


@lru_cache(maxsize=_TEXTS_CACHED)
def _name_in(run: str, *, opens: bool) -> str | None:
    """Return the name in a run of capitalised words; `opens` says that a sentence begins here."""
    words = run.split()
    while words and words[0].lower() in _NO_NAME:
        words.pop(0)
        opens = False
    while words and words[-1].lower() in _NO_NAME:
        words.pop()
    if not words or (len(words) == 1 and (opens or len(words[0]) < 3)):
        return None
    return _POSSESSIVE.sub("", " ".join(words))


def search_terms(text: str) -> list[str]:
    """Return the words of `text` for a full-text index: whole words, no common ones.

    Each once, the longest kept when there are more than `SEARCH_TERMS_MAX`. They consist of letters
    and digits with their marks, so no character of Lucene's query syntax is among them. A colon
    within a word is escaped. They are not folded: such an index knows words as they were written.
    """
    words = [*written_words(text), *(word.replace(":", "\\:") for word in joined_words(text))]
    found = dict.fromkeys(word for word in words if word not in DROPPED)
    kept = set(sorted(found, key=lambda word: (-len(word), word))[:SEARCH_TERMS_MAX])
    return [word for word in found if word in kept]


@lru_cache(maxsize=_DAYS_CACHED)
def date_words(day: str) -> str:
    """Return the words of an ISO date in a question: "2026-11-23" is "November 2026 23".

    Any other text has none.
    """
    found = _DAY.match(day)
    if not found:
        return ""
    year, month, number = (int(part) for part in found.groups())
    return f"{_MONTHS[month - 1]} {year} {number}"
