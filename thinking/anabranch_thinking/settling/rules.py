"""The rules by which two insights are compared: said again, changed, in conflict.

They read words, and need no model. Each errs towards saying nothing: a missed restatement costs a
line in a context, and a wrong supersession hides what holds. The thresholds were chosen on the
development part of `benchmarks/settle_pairs.tsv`; its other part judges them.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall import tokens
from anabranch_thinking.consolidation.wording import is_value, pieces_in, words

if TYPE_CHECKING:
    from anabranch_thinking.consolidation.wording import Wording

FAR: Final = 0.5
"""Below this cosine no rule says anything."""
MEANING_MIN: Final = 0.8
"""Below this cosine two texts are not the same fact, whatever words they share."""
CONTAINED_MIN: Final = 0.9
"""The share of the shorter text's stems that the longer one has."""
SHARED_MIN: Final = 0.5
SHARED_WITHOUT_SOME_MIN: Final = 0.7
"""The share of both texts' stems that both have; more where the shorter has one of its own."""
WITHOUT_MEANING_MIN: Final = 0.8
"""The share of both texts' stems that both have, where there are no vectors."""
FRAME_MIN: Final = 0.6
FRAME_STEMS_MIN: Final = 2
NAMED_FRAME_STEMS_MIN: Final = 3
STEMS_MIN: Final = 3
"""Texts with fewer stems are one fact only where they are equal."""
COVERED_MIN: Final = 0.6
SLOT_MAX: Final = 4
NAMED_MAX: Final = 3
PIECES_MAX: Final = 120

_CHANGED: Final = re.compile(
    r"\b(?:no longer|instead of|rather than|in place of|replac(?:es|ed|ing)(?! (?:by|with)\b)|"
    r"supersed(?:es|ed|ing)(?! by\b)|"
    r"originally (?:scheduled|planned|set|due|booked|expected)(?: (?:for|to|on|at))?|"
    r"(?:changed|moved|switched|migrated|rescheduled|postponed|raised|lowered|increased|reduced|"
    r"decreased|updated|renamed|upgraded|downgraded|shifted|pushed|brought forward)\b"
    r"[^.;]{0,40}?\bfrom)\b(?P<old>[^.;()]{1,80})",
    re.IGNORECASE,
)
"""Words with which a text says itself that something took the place of something else."""
_CONTRASTS: Final = re.compile(r"\b(?:instead of|rather than|in place of)\b", re.IGNORECASE)
_STOPS: Final = words("to but now and because since , : has have had is are was were")
_TURNS: Final = words(
    "but however instead longer replaced replaces temporarily superseded adjusted except"
)
_SEVERAL: Final = words(
    """
also another other previous earlier example examples option options some e.g recommended suggested
"""
)
"""Words of an attribute that may well have several values."""
_COUNTED: Final = words(
    "step day lesson part phase session chapter task item page week option act scene # no"
)
"""Words before a number that counts: with another number it is another thing."""
_ATTRIBUTE: Final = words(
    """
is are : = was current currently total target budget price cost costs scheduled set due deadline
version port limit timeout uses lives works prefers preferred named called runs listens default
"""
)
_COPULAS: Final = words("is are was were has have")
_LINKS: Final = words("is are : = to uses in")
"""Words right before the value of an attribute."""


class Verdict(StrEnum):
    """The relation of a newer insight to an older one."""

    SAME = "same"
    SUPERSEDES = "supersedes"
    CONFLICTS = "conflicts"


class Judgement(NamedTuple):
    """A verdict, and the reason for it as a person reads it."""

    verdict: Verdict
    reason: str


def judged(older: Wording, newer: Wording, cosine: float | None) -> Judgement | None:
    """Compare a newer text with an older one; None where no rule says anything.

    `cosine` is that of their vectors, None where there are none.
    """
    if cosine is not None and cosine < FAR:
        return None
    asks = older.asks or newer.asks
    changed = None if asks else _changed(older, newer)
    if changed is not None:
        return changed
    if _same(older, newer, cosine):
        return Judgement(Verdict.SAME, "says the same again")
    return None if asks else _conflict(older, newer)


def _same(older: Wording, newer: Wording, cosine: float | None) -> bool:
    """Tell whether one of two texts says nothing that the other does not say."""
    if older.plain == newer.plain:
        return True
    shorter, longer = sorted((older, newer), key=lambda each: (len(each.stems), each.plain))
    both = shorter.stems & longer.stems
    either = shorter.stems | longer.stems
    if (
        len(both) < STEMS_MIN
        or not shorter.is_about_the_same(longer)
        or not _agree(shorter, longer)
    ):
        return False
    missing = shorter.stems - longer.stems
    contained, shared = len(both) / len(shorter.stems), len(both) / len(either)
    if missing & shorter.names or (older.stems - newer.stems) & older.names:
        return False  # Of a list that is said again a name was dropped.
    if _swaps_values(older.pieces, newer.pieces):
        return False
    if cosine is None:
        return not missing and shared >= WITHOUT_MEANING_MIN
    if cosine < MEANING_MIN:
        return False
    if not missing:
        return shared >= SHARED_MIN
    return contained >= CONTAINED_MIN and shared >= SHARED_WITHOUT_SOME_MIN


def _swaps_values(older: tuple[str, ...], newer: tuple[str, ...]) -> bool:
    """Tell whether a value stands where the other text has another one."""
    return any(
        tag == "replace" and any(map(is_value, older[a:b])) and any(map(is_value, newer[c:d]))
        for tag, a, b, c, d in SequenceMatcher(None, older, newer, autojunk=False).get_opcodes()
        if max(b - a, d - c) <= SLOT_MAX
    )


def _agree(shorter: Wording, longer: Wording) -> bool:
    """Tell whether two texts agree in what turns a statement: numbers, negation, status, tense."""
    more = frozenset(longer.pieces) - frozenset(shorter.pieces)
    return (
        shorter.values <= longer.values
        and shorter.negations == longer.negations
        and shorter.statuses <= longer.statuses
        and shorter.stage == longer.stage
        and shorter.tense == longer.tense
        and not more & _TURNS
    )


def _changed(older: Wording, newer: Wording) -> Judgement | None:
    """Read whether the newer text says itself that it takes the older one's place."""
    if not older.stems or not older.is_about_the_same(newer):
        return None
    if len(older.stems & newer.stems) < COVERED_MIN * len(older.stems):
        return None  # The older says more than this, and all of it would go.
    said_before = {_replaced(found) for found in _CHANGED.finditer(older.text)}
    contrasts = _CONTRASTS.search(older.text) is not None
    for found in _CHANGED.finditer(newer.text):
        if contrasts and _CONTRASTS.match(found[0]):
            continue  # A preference said again, in other words.
        replaced = _replaced(found)
        if replaced and replaced <= older.stems and replaced not in said_before:
            return Judgement(
                Verdict.SUPERSEDES, f"the newer one says so: “{found[0].strip()[:120]}”"
            )
    return None


def _replaced(found: re.Match[str]) -> frozenset[str]:
    """Return the stems that a text says are no more, up to where the sentence turns."""
    pieces = pieces_in(found["old"])
    kept: list[str] = []
    for place, piece in enumerate(pieces):
        if piece in _STOPS:
            following = pieces[place + 1] if place + 1 < len(pieces) else ""
            if piece != "," or not is_value(following):
                break
        kept.append(piece)
    return frozenset(tokens(" ".join(kept)))


def _conflict(older: Wording, newer: Wording) -> Judgement | None:
    """Find one attribute of one subject with two values: all else of both texts is the same."""
    both = older.stems & newer.stems
    most = max(len(older.stems), len(newer.stems))
    if len(both) < FRAME_STEMS_MIN or len(both) < FRAME_MIN * most:
        return None
    if not older.is_about_the_same(newer) or older.negations != newer.negations:
        return None
    if older.stage and newer.stage and older.stage.isdisjoint(newer.stage):
        if older.unstaged <= newer.unstaged or newer.unstaged <= older.unstaged:
            said = (f"“{', '.join(sorted(each.statuses))}”" for each in (older, newer))
            return Judgement(Verdict.CONFLICTS, f"{' or '.join(said)}: the same at two stages")
        return None
    slot = _slot(older.pieces, newer.pieces)
    if slot is None:
        return None
    before, was, now, after = slot
    leading = frozenset(before)
    if (leading | frozenset(was) | frozenset(now)) & _SEVERAL or not leading & _ATTRIBUTE:
        return None
    if not leading & _COPULAS and frozenset(after) & _COPULAS:
        return None  # It differs in what it speaks of, not in what it says of that.
    if before and before[-1] in _COUNTED:
        return None
    valued = any(map(is_value, was)) and any(map(is_value, now))
    named = bool(before) and before[-1] in _LINKS and len(both) >= NAMED_FRAME_STEMS_MIN
    named = named and (before[-1] != ":" or len(after) <= 1)
    if not (valued or (named and _plain_value(was) and _plain_value(now))):
        return None
    return Judgement(
        Verdict.CONFLICTS, f"“{' '.join(was)}” or “{' '.join(now)}”: {' '.join(before)[:120]} …"
    )


def _plain_value(pieces: tuple[str, ...]) -> bool:
    return 0 < len(pieces) <= NAMED_MAX and all(piece.isalnum() or "-" in piece for piece in pieces)


def _slot(
    older: tuple[str, ...], newer: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]] | None:
    """Return the one place where two texts differ, or None.

    It is given as the words before it, both values, and the words after it. Either text may say
    something more elsewhere, as long as that holds no value.
    """
    if max(len(older), len(newer)) > PIECES_MAX:
        return None
    found: tuple[int, int, int, int] | None = None
    for tag, start, end, first, last in SequenceMatcher(
        None, older, newer, autojunk=False
    ).get_opcodes():
        if tag == "replace":
            if found is not None or max(end - start, last - first) > SLOT_MAX:
                return None
            found = start, end, first, last
        elif tag != "equal" and any(map(is_value, (*older[start:end], *newer[first:last]))):
            return None
    if found is None:
        return None
    start, end, first, last = found
    return older[:start], older[start:end], newer[first:last], older[end:]
