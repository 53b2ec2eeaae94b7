"""Columns that grow: numpy arrays with room at the end, cut without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_ROOM_MIN: Final = 64


class Growing:
    """An array to which rows are appended; one writer, any number of readers.

    A cut is a view: it stays as long as its reader holds it, whatever is appended meanwhile.
    """

    def __init__(self, dtype: DTypeLike, *, width: int | None = None) -> None:
        self._shape: tuple[int, ...] = () if width is None else (width,)
        self._room: NDArray[Any] = np.zeros((0, *self._shape), dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, value: Any) -> None:
        """Add one row."""
        self._reserve(self._length + 1)
        self._room[self._length] = value
        self._length += 1

    def extend(self, values: NDArray[Any]) -> None:
        """Add rows."""
        end = self._length + len(values)
        self._reserve(end)
        self._room[self._length : end] = values
        self._length = end

    def put(self, row: int, value: Any) -> None:
        """Change one row, in every cut that shows it."""
        self._room[row] = value

    def put_all(self, start: int, values: NDArray[Any]) -> None:
        """Change rows from `start` on, in every cut that shows them."""
        self._room[start : start + len(values)] = values

    def cut(self, end: int, *, start: int = 0) -> NDArray[Any]:
        """Return the rows from `start` up to `end`, as a view."""
        return self._room[start : min(end, self._length)]

    @property
    def nbytes(self) -> int:
        """Its memory in bytes."""
        return self._room.nbytes

    def _reserve(self, length: int) -> None:
        if length <= len(self._room):
            return
        room = np.zeros(
            (max(_ROOM_MIN, 2 * len(self._room), length), *self._shape), self._room.dtype
        )
        room[: self._length] = self._room[: self._length]
        self._room = room
