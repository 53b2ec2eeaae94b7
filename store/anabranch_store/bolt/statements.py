"""The Cypher statements: one a `.cypher` file under `statements/`, loaded by name."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any, Final, LiteralString, cast

_PART: Final = re.compile(r"@([a-z_]+/[a-z_]+)")


@cache
def statement(name: str) -> LiteralString:
    """Return the statement `name` ("group/name") without its heading.

    Another statement, or a part of several, stands in it as `@group/name`.

    Raises LookupError for a name that is not there: a mistake in the program.
    """
    *groups, last = name.split("/")
    file = files("anabranch_store").joinpath("statements", *groups, f"{last}.cypher")
    if not file.is_file():
        raise LookupError(f"there is no statement {name!r} under anabranch_store/statements")
    lines = file.read_text(encoding="utf-8").splitlines()
    while lines and (lines[0].startswith("//") or not lines[0].strip()):
        lines.pop(0)
    # Our own text: to the driver as good as a literal of the program.
    written = "\n".join(lines).rstrip().removesuffix(";")
    text: LiteralString = cast("Any", _PART.sub(lambda part: statement(part[1]), written))
    return text
