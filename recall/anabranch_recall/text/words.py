"""Words of any script as stems: the terms of the recall index."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from threading import Lock
from typing import Final

import Stemmer

ASKED_MAX: Final = 256
_COMMON: Final = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
"""
_ASKING: Final = """
what who whom whose when where why which how do does did doing done have has had having am been
being were can could should would may might must shall i me my mine we us our ours you your yours
he him his she her hers its them theirs myself yourself
"""
DROPPED: Final = frozenset((_COMMON + _ASKING).split())
"""Words that stand everywhere, and the words with which people ask. English."""

# `\w` knows no combining marks: Indic vowels, Hebrew points and Thai tones are parts of words too.
_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0955-\u0957"
    "\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7\u0a01-\u0a51\u0a70-\u0a75\u0a81-\u0acd\u0b01-\u0b57"
    "\u0b82-\u0bd7\u0c00-\u0c56\u0c81-\u0cd6\u0d00-\u0d57\u0d81-\u0ddf\u0e31-\u0e3a\u0e47-\u0e4e"
    "\u0eb1-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u200c\u200d"
)
_WORD: Final = re.compile(rf"[\w{_MARKS}]+")
# Scripts that are written without spaces, and Hangul, which glues particles to its words.
_UNSPACED: Final = re.compile(
    "[\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
    "\u0e01-\u0e4e\u0e81-\u0ecd\u1000-\u103f\u1780-\u17d3]+"
)
# Of these, the scripts of which a full-text index makes one word of a whole run.
_GLUED: Final = re.compile(
    "[\u30a1-\u30ff\uac00-\ud7a3\u0e01-\u0e4e\u0e81-\u0ecd\u1000-\u103f\u1780-\u17d3]{2,}"
)
# Characters that an index takes for a part of the word (Unicode's word boundaries, UAX 29).
_JOINED: Final = re.compile(
    rf"(?<=[^\W\d])[.:'\u2019](?=[^\W\d])|(?<=\d)[.,;'\u2019](?=\d)|[\w{_MARKS}]+"
)
_MARK: Final = re.compile(rf"[{_MARKS}]")
_ARABIC_MARKS: Final = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_GERMAN: Final = re.compile("[äöüß]")
_ALGORITHMS: Final = (
    (0x0370, 0x03FF, "greek"),
    (0x0400, 0x04FF, "russian"),
    (0x0531, 0x058F, "armenian"),
    (0x0600, 0x06FF, "arabic"),
    (0x0900, 0x097F, "hindi"),
    (0x0B80, 0x0BFF, "tamil"),
)
_STEMMERS: Final = {
    name: Stemmer.Stemmer(name)
    for name in ("english", "german", *(algorithm for _, _, algorithm in _ALGORITHMS))
}
_ENGLISH: Final = _STEMMERS["english"].stemWords
_STEMMING: Final = Lock()
_PLAIN_WORD: Final = re.compile(r"[a-z0-9_]+")


def stems(text: str) -> list[str]:
    """Return the stems of `text` in order, without common words and question words.

    Composed and decomposed, full and half width, upper and lower case are alike. A word is stemmed
    by Snowball's algorithm for its script. Scripts without spaces give single characters and pairs.
    """
    if text.isascii():
        with _STEMMING:
            plain: list[str] = _ENGLISH(
                [word for word in _PLAIN_WORD.findall(text.lower()) if word not in DROPPED]
            )
        return plain
    return stems_of([word for word in words_in(text) if word not in DROPPED])


def asked_stems(text: str) -> dict[str, str]:
    """Return the stems of a question, each with the word that was asked; at most `ASKED_MAX`.

    A question of nothing but common words is asked by those: it has no others.
    """
    words = words_in(text)
    kept = [word for word in words if word not in DROPPED] or words
    asked: dict[str, str] = {}
    for word in dict.fromkeys(kept):
        for stem in stems_of([word]):
            asked.setdefault(stem, word)
        if len(asked) >= ASKED_MAX:
            break
    return dict(list(asked.items())[:ASKED_MAX])


def folded(text: str) -> str:
    """Return `text` with what looks alike made alike: width, composition, case."""
    return unicodedata.normalize("NFKC", text).casefold() if not text.isascii() else text.lower()


def unspaced(text: str) -> bool:
    """Tell whether `text` is of scripts that are written without spaces, or glue particles on."""
    return _UNSPACED.fullmatch(text) is not None


def words_in(text: str) -> list[str]:
    """Return the words of `text` in order, folded; a run without spaces is one word."""
    return _WORD.findall(folded(text))


def written_words(text: str) -> list[str]:
    """Return the words of `text` in order, in lower case but else as they were written."""
    return _WORD.findall(text.lower())


def joined_words(text: str) -> list[str]:
    """Return the words of `text` as a full-text index keeps them: `v2.15.1` and `gauge.py` are one.

    A word that has no such character within is not among them.
    """
    joined: list[str] = []
    end = -1
    for part in _JOINED.finditer(text.lower()):
        if part.start() == end:
            joined[-1] += part[0]
        else:
            joined.append(part[0])
        end = part.end()
    return [word for word in joined if not _WORD.fullmatch(word)]


def glued_words(text: str) -> list[str]:
    """Return the runs of `text` that an index knows only as a part of some longer run."""
    return list(dict.fromkeys(_GLUED.findall(text)))


def stems_of(words: list[str]) -> list[str]:
    """Return the stems of words: one each, or several of a run without spaces."""
    with _STEMMING:
        return [stem for word in words for stem in _stems_of_one(word)]


def _stems_of_one(word: str) -> list[str]:
    if word.isascii():
        return [_STEMMERS["english"].stemWord(word)]
    found: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        found += _spaced(word[end : run.start()])
        found += _characters_and_pairs(run[0])
        end = run.end()
    return found + _spaced(word[end:])


def _spaced(word: str) -> list[str]:
    """Return the stem of a word by the algorithm of its script; nothing for nothing."""
    if not word or _MARK.sub("", word) == "":
        return []
    if word.isascii():
        return [_STEMMERS["english"].stemWord(word)]
    first = next((ord(each) for each in word if not each.isascii()), 0)
    if 0x0600 <= first <= 0x06FF:
        word = _ARABIC_MARKS.sub("", word)
    algorithm = next((name for low, high, name in _ALGORITHMS if low <= first <= high), "english")
    if algorithm == "english" and _GERMAN.search(word):
        algorithm = "german"
    stem: str = _STEMMERS[algorithm].stemWord(word)
    return [stem] if stem else []


def _characters_and_pairs(run: str) -> list[str]:
    """Return each character of a run with its marks, and each two that stand beside each other."""
    characters: list[str] = []
    for each in run:
        if characters and _MARK.match(each):
            characters[-1] += each
        else:
            characters.append(each)
    return characters + [a + b for a, b in pairwise(characters)]
