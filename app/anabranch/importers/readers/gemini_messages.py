"""Messages of Gemini CLI: their texts, what the tool put in, and what calls gave."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from anabranch.importers.readers.put_in import without_elements
from anabranch.importers.readers.referenced import without_referenced
from anabranch.importers.records.values import (
    failed_by,
    kind_of,
    object_of,
    objects_of,
    output_of,
    text_of,
)

CONTEXT: Final = re.compile(r"\s*<session_context>")
SNAPSHOT: Final = re.compile(r"\s*<state_snapshot>")
_THANKS: Final = re.compile(r"\s*Got it\. Thanks for the additional context!\s*")
_PUT_IN: Final = ("loaded_context", "hook_context")
"""Elements that begin a part: memory files before an agent's task, and what a hook says."""
_LAST_CHANCE: Final = re.compile(
    r"You have [^\n.]+\. You have one final chance to complete the task"
)
_EXIT: Final = re.compile(r"^Exit Code: (-?\d+)", re.MULTILINE)


def result_of(value: Any) -> str | None:
    """Return a result as text: the one text in an object, or its JSON."""
    if isinstance(value, dict):
        texts = [text for one in object_of(value).values() if (text := text_of(one))]
        if len(texts) == len(value) == 1:
            return texts[0]
        return orjson.dumps(value).decode() if value else None
    return text_of(value)


def history_in(step: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the history that a line sets."""
    return objects_of(object_of(step.get("$set")).get("messages"))


def is_snapshot(message: dict[str, Any]) -> bool:
    """Tell whether a message is the summary that a compaction put first."""
    return SNAPSHOT.match(text_in(message) or "") is not None


def is_thanks(message: dict[str, Any]) -> bool:
    """Tell whether a message is the answer that the tool puts behind a summary."""
    return kind_of(message) == "gemini" and _THANKS.fullmatch(text_in(message) or "") is not None


def is_context(message: dict[str, Any]) -> bool:
    """Tell whether a message of a history is what the tool puts before all: no other has its id."""
    has_id = "-" in (text_of(message.get("id")) or "")
    return not has_id or CONTEXT.match(text_in(message) or "") is not None


def mark_of(message: dict[str, Any]) -> int:
    """Return what a message and its copy have in common; of one of them blanks may be cut off."""
    return hash((kind_of(message), (text_in(message) or "").strip()))


def text_in(message: dict[str, Any]) -> str | None:
    """Return the text of a message, without thoughts and the files that it names.

    A saved talk that is resumed has what the tool puts before all in its first question.
    """
    content = message.get("content")
    if isinstance(content, str):
        return text_of(_typed(content))
    texts = [
        text
        for part in objects_of(content)
        if not part.get("thought")
        and (given := text_of(part.get("text")))
        and (text := text_of(_typed(given)))
    ]
    asked = [one for one in texts if not CONTEXT.match(one)]
    return "\n\n".join(without_referenced(asked or texts)) or None


def _typed(text: str) -> str:
    """Return a text without the element that the tool began it with."""
    begins = text.lstrip()
    put_in = begins.startswith(tuple(f"<{name}>" for name in _PUT_IN))
    return without_elements(begins, *_PUT_IN) if put_in else text


def is_last_chance(text: str) -> bool:
    """Tell whether a text is the tool's call to an agent to come to an end."""
    return _LAST_CHANCE.match(text) is not None


def output_in(call: dict[str, Any]) -> str:
    """Return the output of a call: what the model was given, else what a person was shown."""
    for part in objects_of(call.get("result")):
        response = object_of(object_of(part.get("functionResponse")).get("response"))
        if response:
            return output_of(response.get("output", response.get("error", response)))
    return output_of(call.get("resultDisplay"))


def failed(call: dict[str, Any], output: str) -> bool:
    """Tell whether a call failed, by its status or its exit code."""
    stopped = kind_of(call, "status") in {"error", "cancelled"}
    return stopped or failed_by(_EXIT.search(output)) is True
