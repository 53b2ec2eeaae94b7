"""Codes: a column of words as whole numbers, with the table that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Codes:
    """Numbers words in the order in which they first occur."""

    def __init__(self) -> None:
        self._code: dict[str, int] = {}
        self._words: list[str] = []

    def __len__(self) -> int:
        return len(self._words)

    def add(self, word: str) -> int:
        """Return the code of a word, a new one for a word that is new."""
        code = self._code.setdefault(word, len(self._words))
        if code == len(self._words):
            self._words.append(word)
        return code

    def find(self, word: str) -> int:
        """Return the code of a word, -1 for one that never occurred."""
        return self._code.get(word, -1)

    def word(self, code: int) -> str:
        """Return what a code stands for."""
        return self._words[code]

    def add_all(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Return the codes of `words`: a table from the codes of another index to ours."""
        return np.fromiter((self.add(word) for word in words), np.int32, len(words))


def own_table(column: NDArray[np.int32], codes: Codes) -> tuple[NDArray[np.int32], list[str]]:
    """Return a column with codes of its own, and the words that those stand for."""
    used, renumbered = np.unique(column, return_inverse=True)
    return renumbered.astype(np.int32), [codes.word(int(code)) for code in used]
