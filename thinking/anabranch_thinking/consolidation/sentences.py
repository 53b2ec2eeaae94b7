"""The sentences of a written synthesis, each with the numbers of the sources that it cites."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch_thinking.sessions.findings import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "sentences": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Each one sentence that ends with the numbers of its sources, as [3][7].",
        },
    },
    "required": ["sentences"],
    "additionalProperties": False,
}
"""The form of an answer, as JSON Schema."""
SENTENCES_MAX: Final = 200
ANSWER_MAX: Final = 40_000
"""The characters of an answer that are read, without those around its sentences."""
LENGTH_MAX: Final = 600
"""The characters of a sentence that is looked at; a longer one is cut into what cites nothing."""
CITED_MAX: Final = 12

# Each pattern takes a time in the order of the text, whatever a model answers: a test counts on it.
_CITATION: Final = re.compile(
    r"\s{0,4}\[\s{0,4}(\d{1,4}(?:\s{0,4}[-\u2013,;]\s{0,4}\d{1,4})*)\s{0,4}\]"
)
_RANGE: Final = re.compile(r"(\d+)(?:\s*[-\u2013]\s*(\d+))?")
_END: Final = re.compile(
    r"(?<![.!?])[.!?]+[\"'\u201d\u2019)]{0,4}(?:\s{0,4}\[[\d\s,;\u2013-]{1,80}\]){0,24}(?=\s)|"
    r"[\u3002\uff01\uff1f](?:\s{0,4}\[[\d\s,;\u2013-]{1,80}\]){0,24}|\n+"
)
_ABBREVIATION_MAX: Final = 8
_SPACE: Final = re.compile(r"\s*")
_ABBREVIATED: Final = re.compile(
    r"(?:\b(?:dr|mr|mrs|ms|prof|st|vs|no|etc|approx|inc|ltd|co|fig|jr|sr|e\.g|i\.e)|\b[A-Z]|^\d{1,3})\.$",
    re.IGNORECASE,
)
_BULLET: Final = re.compile(r"^(?:[-*\u2022#>]+|\d+[.)])\s+")
_SPACED_MARK: Final = re.compile(r" ([.,;:!?\u3002\uff01\uff1f])")
_MARKUP: Final = re.compile(r"[*`]{1,3}(?=\S)|(?<=\S)[*`]{1,3}")


class Sentence(NamedTuple):
    """A sentence without its citations, and the numbers that it cites, each once."""

    text: str
    cited: tuple[int, ...]


def sentences_in(answer: str) -> list[Sentence]:
    """Return the sentences of an answer: those of its JSON where it is in the form, else its text.

    At most 200 are read, of at most 40,000 characters, without control characters.
    """
    found: list[Sentence] = []
    room = ANSWER_MAX
    for piece in _pieces(answer):
        found += map(_read, _split(plain(piece[:room])))
        room -= len(piece)
        if len(found) > SENTENCES_MAX or room <= 0:
            break
    return [one for one in found[:SENTENCES_MAX] if one.text]


def _pieces(answer: str) -> list[str]:
    if answer.startswith("{"):
        try:
            fields = orjson.loads(answer)
        except orjson.JSONDecodeError:
            return [answer]
        given = fields.get("sentences") if isinstance(fields, dict) else None
        if isinstance(given, list):
            return [one for one in given if isinstance(one, str)]
        return []
    return [answer]


def _split(text: str) -> Iterator[str]:
    """Yield the sentences of a text, each with the citations after it."""
    begun = _after_space(text, 0)
    for end in _END.finditer(text):
        if end.end() <= begun:
            continue
        tail = text[max(begun, end.end() - _ABBREVIATION_MAX) : end.end()]
        if end[0] == "." and _ABBREVIATED.search(tail):
            continue
        if before := text[begun : end.end()].strip():
            yield before
        begun = _after_space(text, end.end())
    if rest := text[begun:].strip():
        yield rest


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _read(text: str) -> Sentence:
    cited: dict[int, None] = {}
    for found in _CITATION.finditer(text):
        for one in _RANGE.finditer(found[1]):
            first = int(one[1])
            last = int(one[2] or first)
            cited.update(dict.fromkeys(range(first, min(last, first + CITED_MAX) + 1)))
    bare = _MARKUP.sub("", _BULLET.sub("", _CITATION.sub(" ", text).strip()))
    shown = _SPACED_MARK.sub(r"\1", " ".join(bare.split()))
    if len(shown) > LENGTH_MAX:
        return Sentence(shown[:LENGTH_MAX], ())
    return Sentence(shown, tuple(cited)[:CITED_MAX])
