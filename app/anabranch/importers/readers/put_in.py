"""Elements and last lines that tools put into texts, taken out in time in proportion to a text."""

from __future__ import annotations

import re
from typing import Final

_BLANKS: Final = re.compile(r"\s*")


def without_elements(text: str, *names: str) -> str:
    """Return a text without the elements of these names, and without the blanks after each."""
    parts: list[str] = []
    open_names = set(names)
    at = 0
    for found in re.finditer(f"<({'|'.join(map(re.escape, names))})(?=[\\s>])", text):
        name = found[1]
        if found.start() < at or name not in open_names:
            continue
        end = text.find(closing := f"</{name}>", found.end())
        if end < 0:
            open_names.remove(name)  # No later one is closed either.
            continue
        parts.append(text[at : found.start()])
        blanks = _BLANKS.match(text, end + len(closing))
        at = blanks.end() if blanks else len(text)
    return "".join([*parts, text[at:]])


def without_last_lines(text: str, beginning: re.Pattern[str]) -> str:
    """Return a text without the lines at its end that begin so, and without those left blank."""
    end = whole = len(text.rstrip())
    while (line := text.rfind("\n", 0, end)) >= 0 and beginning.match(text, line + 1):
        end = line
        while end and text[end - 1] == "\n":
            end -= 1
    return text if end == whole else text[:end]
