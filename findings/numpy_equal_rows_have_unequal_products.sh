#!/usr/bin/env bash
# numpy 2.4.6 (the wheel of PyPI, with OpenBLAS): equal rows of a matrix have unequal products with one vector. Which row
# is nearest, and which are the first five, is decided by where they stand.
#
# `vectors @ question` is how a program asks which of its texts is nearest, and the same text stands there more than once.
# One would guess that equal rows have equal scores, as each is the sum of the same 384 products, made anew for each row.
# So a stable sort, or argmax, would give the first of them. In fact:
#
# 1. Unless the number of rows is a multiple of four, one to three of them are summed in another order than the rest.
#    Equal rows among them have a score that differs in the last digit, and argmax is not the first of them.
# 2. With 64-bit floats it is the same: rounding moves what lies at its bound.
# 3. A row by itself has another product than within the matrix. A score that is computed once more is not found again.
# 4. In `vectors @ vectors.T` it is the same, with some kernels of OpenBLAS for 32 bits, with others for 64.
# 5. np.einsum, np.vecdot and `(vectors * question).sum(axis=1)` give equal rows equal scores here. Whole numbers do so
#    anywhere: in steps of 2^-26 the sums of a unit vector's products are exact in 64-bit floats, in any order.
#
# Two kinds of processors are asked for by name here, so that all machines see the same. Anabranch chose the nearest of an
# insight, and what it links, by such products. It counts in whole steps now.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "numpy==2.4.6"
cd "$work"
cat >trial.py <<'PY'
import numpy as np

WIDTHS = (np.float32, np.float64)
chance = np.random.default_rng(3)


def unit(count):
    found = chance.normal(size=(count, 384))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def trials():
    """Yield a matrix some of whose rows are equal, the places of these, and a question."""
    for count in range(2, 130):
        vectors = unit(count)
        places = np.sort(chance.permutation(count)[: max(2, count // 4)])
        vectors[places] = vectors[places[0]]
        yield vectors, places, unit(1)[0]


ALL = list(trials())


def unequal(multiplied, width):
    """Return the numbers of rows with which equal ones have unequal products."""
    found = []
    for vectors, places, question in ALL:
        products = multiplied(vectors.astype(width), question.astype(width))[places]
        if (products != products[0]).any():
            found.append(len(vectors))
    return found


def matrix(vectors, question):
    return vectors @ question


def each_with_each(vectors, _):
    return vectors @ vectors.T


def in_steps(vectors, question):
    return np.rint(vectors * 2.0**26) @ np.rint(question * 2.0**26)


def first(width):
    """Tell whether argmax, asked about the equal rows alone, is always the first."""
    return not any((v.astype(width) @ q.astype(width))[p].argmax() for v, p, q in ALL)


def found_again(width):
    """Tell whether the product of a row alone is always among those of the matrix."""
    return all(
        float(v[p[0]].astype(width) @ q.astype(width)) in (v.astype(width) @ q.astype(width)).tolist() for v, p, q in ALL
    )


for width in WIDTHS:
    counts = unequal(matrix, width)
    print(f"{width.__name__}: unequal {bool(counts)}, of a multiple of four rows {any(n % 4 == 0 for n in counts)},", end=" ")
    print(f"the first is the best {first(width)}, found again alone {found_again(width)}")
print("each with each, in one of the widths: unequal", any(unequal(each_with_each, width) for width in WIDTHS))
by_row = {"einsum": lambda v, q: np.einsum("ij,j->i", v, q), "vecdot": np.vecdot, "sum": lambda v, q: (v * q).sum(axis=1)}
for name, multiplied in by_row.items():
    print(f"{name}: unequal", any(unequal(multiplied, width) for width in WIDTHS))
both = [unequal(in_steps, np.float64), unequal(lambda v, _: in_steps(v, v.T), np.float64)]
print("in steps: unequal", any(both))
PY
cat >expected.txt <<'TXT'
float32: unequal True, of a multiple of four rows False, the first is the best False, found again alone False
float64: unequal True, of a multiple of four rows False, the first is the best False, found again alone False
each with each, in one of the widths: unequal True
einsum: unequal False
vecdot: unequal False
sum: unequal False
in steps: unequal False
TXT
for kernels in Haswell Nehalem; do
  echo "$kernels:"
  OPENBLAS_CORETYPE=$kernels "$work/venv/bin/python" trial.py | tee seen.txt
  diff expected.txt seen.txt
done
echo "as described"
