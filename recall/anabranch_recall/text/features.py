"""The features of a text: its terms, its names, its subject, and if it asks."""

from __future__ import annotations

import re
from math import log10
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.text.language import date_words, entities
from anabranch_recall.text.subject import subject_of, with_subject
from anabranch_recall.text.words import stems

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHARACTERS_MAX: Final = 4096
"""The length of a text's part that is ranked."""
OPENING_CHARACTERS: Final = 60
SHORT: Final = 20
ASKING_CHARACTERS_MAX: Final = 160
_ASKS: Final = re.compile(r"[?\uff1f\u061f\u037e][\s\"'\u2019\u201d)\]*]*$")


class Features(NamedTuple):
    """The features by which an insight is ranked, beside its vector.

    `stems` are the terms of the text and of its day, in order. `names` has the names in the text,
    true for one that opens it. `subject` is that of `subject_of`, empty where nothing names one.
    `substance` grows with the length, from 0 for a fragment to 1.
    """

    stems: list[str]
    names: Mapping[str, bool]
    subject: str
    asks: bool
    substance: float


def features(text: str, *, day: str = "", names: Sequence[str] = (), subject: str = "") -> Features:
    """Return the features of an insight's text; `day` is its ISO date, `names` are given ones.

    A `subject` that was given and that the text does not name is read in front of it.
    """
    text = with_subject(text, subject)[:CHARACTERS_MAX]
    mentioned = dict.fromkeys((*names, *entities(text)))
    return Features(
        stems=stems(f"{text}\n{date_words(day)}"),
        names={name: 0 <= text.find(name) < OPENING_CHARACTERS for name in mentioned},
        subject=subject_of(text, subject),
        asks=asks(text),
        substance=min(max(log10(len(text) / SHORT), 0.0), 1.0) if text else 0.0,
    )


def asks(text: str) -> bool:
    """Tell whether `text` is itself a short question."""
    return len(text) <= ASKING_CHARACTERS_MAX and _ASKS.search(text) is not None
