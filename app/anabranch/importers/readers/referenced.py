"""Files that a prompt names: Gemini CLI and Qwen Code put what they hold behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGIN: Final = "--- Content from referenced files ---"
_END: Final = "--- End of content ---"


def without_referenced(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts of a message's parts, but for those that hold the files it names."""
    within = False
    for text in texts:
        bare = text.strip()
        within = within or bare == _BEGIN
        if not within:
            yield text
        within = within and bare != _END
