"""Texts that have a name as words, wherever in a sentence these stand."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from anabranch_recall.text.words import folded, unspaced

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD_SIGN: Final = r"[^\W_]"
_JAVA_WORD_SIGN: Final = r"[\p{L}\p{M}\p{N}]"
_END: Final = r"\E"
_ENDED: Final = r"\E\\E\Q"
"""The end of a quotation in a pattern of Java, and the same within one."""


class Mention:
    """A name that is looked for in texts: whole words, in any case and any composition.

    In scripts without spaces it is found within a run, and so within a longer name too.
    """

    def __init__(self, name: str) -> None:
        self._words = name.split()
        words = r"\s+".join(re.escape(word) for word in folded(name).split())
        self._pattern = re.compile(_bounded(words, name, sign=_WORD_SIGN))

    def stands_in(self, texts: Iterable[str | None]) -> bool:
        """Tell whether one of `texts` has the name."""
        return any(self._pattern.search(folded(text)) for text in texts if text)

    @property
    def spelt(self) -> list[str]:
        """The spellings of its longest word, in lower case: a text without one has no such name."""
        longest = max(self._words, key=len, default="")
        forms = (unicodedata.normalize(form, longest) for form in ("NFC", "NFD", "NFKC"))
        return list(dict.fromkeys(form.lower() for form in forms))

    @property
    def java(self) -> str:
        """A pattern of Java for texts that have it as a name: its words begin with capitals."""
        name = " ".join(
            word if word != word.lower() else word[:1].upper() + word[1:] for word in self._words
        )
        forms = {unicodedata.normalize(form, name): None for form in ("NFC", "NFD")}
        either = "|".join(r"\s+".join(map(_quoted, form.split())) for form in forms)
        return rf"(?s).*{_bounded(f'(?:{either})', name, sign=_JAVA_WORD_SIGN)}.*"


def _quoted(word: str) -> str:
    """Return a word as a pattern of Java that means nothing else."""
    return rf"\Q{word.replace(_END, _ENDED)}\E"


def _bounded(words: str, name: str, *, sign: str) -> str:
    """Return a pattern for `words` that begin and end where words of their scripts do."""
    before = "" if unspaced(name[:1]) else f"(?<!{sign})"
    after = "" if unspaced(name[-1:]) else f"(?!{sign})"
    return f"{before}{words}{after}"
