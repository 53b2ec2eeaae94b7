"""The length of a text in tokens of a language model: an estimate that is seldom too low.

Each model cuts text in its own way, so no count is right for all. This one is made of the cuts that
they have in common, and each of its pieces counts rather too much. Nothing is loaded for it.
"""

from __future__ import annotations

import re
from typing import Final

_PIECES: Final = re.compile(r" {2,}|[A-Za-z]+|[0-9]+|[^\x00-\x7f]+|[\x00-\x1f!-\x7f]")
_LETTERS_EACH: Final = 4
_DIGITS_EACH: Final = 2
_BYTES_EACH: Final = 2


def prompt_tokens(text: str) -> int:
    """Return about how many tokens a text has for a language model, rather too many than too few.

    A single blank is part of the next token. The sum over the lines of a text, with one for each
    line break, is the count of the whole.
    """
    return sum(_tokens(piece) for piece in _PIECES.findall(text))


def _tokens(piece: str) -> int:
    if not piece.isascii():
        return -(-len(piece.encode("utf-8", "surrogatepass")) // _BYTES_EACH)
    if piece.isalpha():
        return -(-len(piece) // _LETTERS_EACH)
    if piece.isdigit():
        return -(-len(piece) // _DIGITS_EACH)
    return 1
