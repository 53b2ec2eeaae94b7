"""Talks of Gemini CLI that were saved by `/chat save` and resumed in the session that saved them.

A resume writes the saved messages again, with other ids, and then sets them as the history. The
first of them begins with what the tool puts before all. See
`findings/gemini_cli_says_a_saved_talk_again_when_it_is_resumed.sh`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.gemini_messages import (
    CONTEXT,
    history_in,
    is_context,
    mark_of,
    text_in,
)
from anabranch.importers.records.values import kind_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TALK: Final = frozenset({"user", "gemini"})


def resumed_in(steps: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the originals of messages that a resume wrote again, by their ids.

    They are those that were said before, in their order. A call and what it gave have no text: they
    go with what was said before them.
    """
    said: dict[str, int] = {}
    found: dict[str, str] = {}
    rest: Iterator[tuple[str, int]] = iter(())
    original: str | None = None
    for step in steps:
        message_id = text_of(step.get("id"))
        if history_in(step):
            original, rest = None, iter(())
        if not message_id or message_id in said or message_id in found or not _is_said(step):
            continue
        mark = mark_of(step)
        begins = bool(said) and _begins(step)
        if begins:
            rest = iter(list(said.items()))
        if begins or (original and text_in(step)):
            original = next((one for one, other in rest if other == mark), None)
        if original:
            found[message_id] = original
        else:
            said[message_id] = mark
    return found


def _is_said(message: dict[str, Any]) -> bool:
    return kind_of(message) in _TALK and not is_context(message)


def _begins(message: dict[str, Any]) -> bool:
    parts = objects_of(message.get("content"))
    return bool(parts) and CONTEXT.match(text_of(parts[0].get("text")) or "") is not None
