"""A question as the index ranker reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.dates import Named, dates_in
from anabranch_recall.text.identifiers import identifiers_in
from anabranch_recall.text.subject import subjects_asked
from anabranch_recall.text.words import DROPPED, asked_stems, folded

if TYPE_CHECKING:
    from collections.abc import Mapping

CHARACTERS_MAX: Final = 16_384
_CAPITALISED: Final = re.compile(r"[^\W\d_a-z][\w-]*")
_GOES_ON: Final = re.compile(
    r"\b(?:next|continu\w+|latest|so far|left off|last time|pick(?:ing)? (?:it |this |that )?(?:back )?up"
    r"|mov(?:e|ing) on(?:to)?|go on|going forward|proceed|follow(?:ing)?[- ]up|i'm back|ready (?:to|for)"
    r"|let's|let us)\b",
    re.IGNORECASE,
)
_REPLIES: Final = re.compile(
    r"(?:yes|yeah|yep|yup|no|nah|ok|okay|sure|good|great|perfect|excellent|solid|nice|fine|thanks"
    r"|thank you|alright|all right|right|exactly|understood|agreed|affirmative|confirmed|got it|sounds"
    r"|that|this|these|those|i agree|now|then|so|and|but|also|well|ah|oh|hmm|whoa|wow"
    r"|hi|hello|hey|g'day)\b",
    re.IGNORECASE,
)
_SENTENCE_ENDS: Final = re.compile(r"(?<![.!?\u3002\uff01\uff1f])[.!?\u3002\uff01\uff1f]+\s+(?=\S)")


class Asked(NamedTuple):
    """A question: its stems with the words that were asked, dates, subjects, and if it goes on.

    `subjects` are all that an insight's may be where the question names it. `goes_on` says that the
    question carries on with work, so that what is recent counts more. `identifiers` are those
    that differ by the order of their numbers.
    """

    text: str
    stems: Mapping[str, str]
    dates: list[Named]
    subjects: frozenset[str]
    goes_on: bool
    identifiers: tuple[str, ...]


def read(text: str) -> Asked:
    """Return a question as the ranker reads it; past its first `CHARACTERS_MAX` it is not read."""
    text = text[:CHARACTERS_MAX]
    capitalised = (found[0] for found in _CAPITALISED.finditer(text) if found[0][0].isupper())
    names = [word for each in capitalised if (word := folded(each)) not in DROPPED]
    return Asked(
        text=text,
        stems=asked_stems(text),
        dates=dates_in(text),
        subjects=frozenset(subjects_asked(text, names)),
        goes_on=goes_on(text),
        identifiers=identifiers_in(text),
    )


def goes_on(text: str) -> bool:
    """Tell whether a question is a turn in work that goes on: what is recent counts more then.

    It names a next step, opens like a reply, or says something before it asks.
    """
    text = text.strip()
    first = _SENTENCE_ENDS.search(text)
    tells_first = first is not None and "?" not in first[0] and "\uff1f" not in first[0]
    return bool(_GOES_ON.search(text) or _REPLIES.match(text)) or tells_first
