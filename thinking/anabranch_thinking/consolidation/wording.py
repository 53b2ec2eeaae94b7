"""The wording of an insight, read for comparing: stems, numbers, names, negation, status."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from anabranch_recall import entities, tokens
from anabranch_recall.text.words import stems_of, words_in


def words(text: str) -> frozenset[str]:
    """Return the words of a list that is written as one text."""
    return frozenset(text.split())


_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_OPENING: Final = re.compile(r"[^\s:,.;!?()'\"\u2019]+(?:['\u2019]s\b)?|[:,.;!?()]")
_HEADING: Final = re.compile(r"\u3010[^\u3010\u3011\n]*\u3011")
_PIECES: Final = re.compile(r"\w+(?:[.,:'\u2019-]\w+)*|[^\w\s]")
_ORDERED: Final = words(
    """
first second third fourth fifth sixth seventh eighth ninth tenth last one two three four five six
seven eight nine ten eleven twelve monday tuesday wednesday thursday friday saturday sunday january
february march april may june july august september october november december today tomorrow
yesterday tonight once twice daily weekly monthly yearly morning afternoon evening
"""
)
"""Words that say which, when, or how often: another one is another value."""
NEGATIONS: Final = words(
    """
not no never none nobody nothing neither nor cannot without unable lacks lack ineffective
don doesn didn isn aren wasn weren wouldn couldn hasn haven hadn shouldn refuses
refused rejects rejected avoid avoids
"""
)
_CONTRACTED: Final = re.compile(r"n['\u2019]t\b", re.IGNORECASE)
STATUSES: Final = words(
    """
paused pause resumed resume reactivated postponed rescheduled cancelled canceled completed complete
finished done closed pending blocked unblocked draft drafted final finalized approved rejected sent
submitted deprecated removed enabled disabled stopped started active inactive open failed failing
broken fixed passed booked confirmed proposed scheduled planned temporarily temporary former
"""
)
"""Words for a status: with another one the same thing is at another stage."""
_STAGES: Final = {
    word: stage
    for stage, words in {
        "waits": "paused postponed cancelled canceled stopped disabled blocked inactive pending",
        "goes": "resumed reactivated active enabled unblocked started open",
        "over": "completed finished done closed fixed passed",
    }.items()
    for word in words.split()
}
_AHEAD: Final = words("will would plans planning intends awaiting upcoming ready next")
_BEHIND: Final = words("has have had been already was were")


@dataclass(frozen=True)
class Wording:
    """A text with what comparing needs of it; each part is read once, when it is asked for."""

    text: str
    subject: str | None = None

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The words and marks in order, in lower case, without headings in brackets."""
        return pieces_in(self.text)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems, without common words and headings in brackets."""
        body = _HEADING.sub(" ", self.text)
        return frozenset(tokens(body)) or frozenset(tokens(self.text))

    @cached_property
    def values(self) -> Counter[str]:
        """The numbers, and the words that order, date and count, with how often each stands."""
        ordered = [word for word in words_in(self.text) if word in _ORDERED]
        return Counter([*_NUMBER.findall(self.text), *ordered])

    @cached_property
    def names(self) -> frozenset[str]:
        """The stems of the names that the text mentions."""
        found = [word for name in entities(self.text) for word in words_in(name)]
        return frozenset(stems_of(found))

    @cached_property
    def negations(self) -> frozenset[str]:
        """The words that deny."""
        found = NEGATIONS & frozenset(words_in(self.text))
        return found | {"not"} if _CONTRACTED.search(self.text) else found

    @cached_property
    def statuses(self) -> frozenset[str]:
        """The words for a status."""
        return STATUSES & frozenset(words_in(self.text))

    @cached_property
    def stage(self) -> frozenset[str]:
        """The stages that its status words say: it waits, goes on, or is over."""
        return frozenset(_STAGES[word] for word in self.statuses if word in _STAGES)

    @cached_property
    def unstaged(self) -> frozenset[str]:
        """The stems without those of status words and of headings."""
        return self.stems - frozenset(stems_of(sorted(self.statuses)))

    @cached_property
    def tense(self) -> tuple[bool, bool]:
        """True for words that look ahead in the text, and for words that look behind."""
        words = frozenset(words_in(self.text))
        return bool(_AHEAD & words), bool(_BEHIND & words)

    @cached_property
    def asks(self) -> bool:
        """True for a text that asks something: it states no fact."""
        return "?" in self.text or "\uff1f" in self.text

    @cached_property
    def opening(self) -> tuple[str, ...]:
        """The run of names and numbers with which the text begins, folded; often none."""
        run: list[str] = []
        for found in _OPENING.finditer(_HEADING.sub(" ", self.text).lstrip(" *-\n'\"")):
            word = found[0]
            if not (word[0].isupper() or word[0].isdigit()):
                break
            run.append(word.casefold())
        return tuple(run[1:] if run and run[0] in {"the", "a", "an"} else run)

    def is_about_the_same(self, other: Wording) -> bool:
        """Tell whether two texts have one subject: neither begins with a name the other lacks."""
        if None not in (given := {self.subject, other.subject}) and len(given) > 1:
            return False
        return all(one == two for one, two in zip(self.opening, other.opening, strict=False))

    @cached_property
    def plain(self) -> str:
        """The text without differences in case and white space, for comparing to the letter."""
        return " ".join(self.text.casefold().split())


def pieces_in(text: str) -> tuple[str, ...]:
    """Return the words and marks of a text in order, in lower case, without its headings."""
    return tuple(_PIECES.findall(_HEADING.sub(" ", text).lower()))


def is_value(piece: str) -> bool:
    """Tell whether a word gives a number, an order, a date or a status."""
    return bool(_NUMBER.search(piece)) or piece in _ORDERED or piece in STATUSES
