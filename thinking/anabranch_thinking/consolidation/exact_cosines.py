"""Cosines that equal vectors have alike: beside any number of others, in any row, on any machine.

A product of floats is summed in an order that depends on the row, so that equal rows come out
unequal (`findings/numpy_equal_rows_have_unequal_products.sh`). Whole numbers have one sum.

A unit vector in steps of 2^-26 is as exact as its 32-bit floats. The sums of its products stay
below 2^53, so that 64-bit floats hold them whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vector = Sequence[float] | NDArray[np.float32]

_STEPS: Final = 2.0**26


def in_steps(vectors: Vector | Sequence[Vector]) -> NDArray[np.float64]:
    """Return a unit vector, or some, in whole numbers of steps."""
    found: NDArray[np.float64] = np.rint(np.asarray(vectors, np.float64) * _STEPS)
    return found


def exact_cosines(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[Any]:
    """Return the product of vectors in steps, as `ones @ others`."""
    found: NDArray[Any] = np.asarray(ones @ others) / _STEPS**2
    return found
