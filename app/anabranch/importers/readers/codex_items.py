"""Texts in items of Codex: what was asked and answered, what agents sent, how a call went."""

from __future__ import annotations

import re
from typing import Any, Final

from anabranch.importers.records.values import (
    failed_by,
    kind_of,
    list_of,
    object_of,
    objects_of,
    text_of,
)

_INJECTED: Final = re.compile(
    r"\s*(?:<([a-z_]+)[ >].*</\1[ a-z]*>\s*\Z|# AGENTS\.md instructions)", re.DOTALL
)
"""Texts that releases put in which did not name their kind: an element, and nothing beside it."""
_BEFORE_SUMMARY: Final = re.compile(r"\AAnother language model [^\n]*\n+")
_IMAGE: Final = re.compile(r"<image(?: [^<>]*)?>")
_IMAGE_END: Final = "</image>"
_EXIT: Final = re.compile(r"(?:Process exited with code|Exit code:?)\s*(-?\d+)")
_MESSAGE: Final = re.compile(r"\s*Message Type: *(\w++).*?Payload:[ \t]*\n?", re.DOTALL)


def asked_in(payload: dict[str, Any]) -> str | None:
    """Return what a person asked in a user message; None where the tool put all of it in."""
    told = object_of(payload.get("internal_chat_message_metadata_passthrough"))
    kinds = list_of(told.get("content_item_kinds"))
    parts = objects_of(payload.get("content"))
    texts: list[str] = []
    for number, part in enumerate(parts):
        text = text_of(part.get("text"))
        kind = kinds[number] if number < len(kinds) else None
        if not text or _is_around_image(parts, number, text):
            continue
        if kind == "user.text" or (kind is None and not _INJECTED.match(text)):
            texts.append(text)
    return "\n\n".join(texts) or None


def _is_around_image(parts: list[dict[str, Any]], number: int, text: str) -> bool:
    """Tell whether a text is a tag that the tool put before or after an image."""
    beside = number + 1 if _IMAGE.fullmatch(text) else number - 1 if text == _IMAGE_END else -1
    return 0 <= beside < len(parts) and kind_of(parts[beside]) == "input_image"


def answered_in(payload: dict[str, Any]) -> str | None:
    """Return the text of an assistant's message; None where it has none."""
    parts = objects_of(payload.get("content"))
    texts = [text for part in parts if (text := text_of(part.get("text")))]
    return "\n\n".join(texts) or None


def summary_in(payload: dict[str, Any]) -> str | None:
    """Return a compaction's summary without the tool's sentences before it."""
    return text_of(_BEFORE_SUMMARY.sub("", text_of(payload.get("message")) or "", count=1))


def sent_in(payload: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the type of a message between agents, and its payload as far as it can be read."""
    kind: str | None = None
    found: list[str] = []
    for part in objects_of(payload.get("content")):
        text = text_of(part.get("text")) or text_of(part.get("encrypted_content")) or ""
        head = _MESSAGE.match(text)
        if head:
            kind, text = head[1], text[head.end() :]
        if text.strip():
            found.append(text.strip())
    return kind, "\n\n".join(found) or None


def failed(output: str, told: dict[str, Any]) -> bool | None:
    """Tell by its exit code whether a call failed; None where the output has none."""
    code = object_of(told.get("metadata")).get("exit_code")
    if isinstance(code, int):
        return code != 0
    return failed_by(_EXIT.search(output[:2000]))
