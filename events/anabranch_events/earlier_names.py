"""Public names of earlier builds: what was written against them goes on, with a warning.

A name stays here until the release after next.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def warn(earlier: str, now: str, *, stacklevel: int = 3) -> None:
    """Say once a place in the caller's code that `earlier` is called `now`."""
    warnings.warn(f"{earlier} is {now} now", DeprecationWarning, stacklevel=stacklevel)


def earlier_names(
    module: str, homes: Mapping[str, str], *, now: Mapping[str, str] | None = None
) -> Callable[[str], object]:
    """Return a `__getattr__` for `module`: each name of `homes` is found in the module it names.

    `now` says by name what to use today, where that is not the same name in its home.
    """
    today = now or {}

    def find(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn(f"{module}.{name}", today.get(name, f"{home}.{name}"))
        return getattr(import_module(home), name)

    return find
