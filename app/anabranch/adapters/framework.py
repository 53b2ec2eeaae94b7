"""The frameworks, which come in extras of their own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from anabranch.errors import FrameworkMissing

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def framework(package: str, *, extra: str) -> Generator[None]:
    """Import from a framework; raises FrameworkMissing where it is not installed.

    Another module that is missing inside of it is an ImportError of its own.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package.partition(".")[0]:
            raise
        raise FrameworkMissing(package, extra=extra) from error
