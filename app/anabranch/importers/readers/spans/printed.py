"""Answers that a span has as Python prints the object that held them.

OpenTelemetry's instrumentation of the OpenAI Agents SDK does so with a call of a tool, and with the
response of a stream of chat completions.
"""

from __future__ import annotations

import ast
import re
from typing import Final

_CALL: Final = ("ResponseFunctionToolCall(arguments=", "{'content': None, ")
_IS_CALL: Final = ("type='function_call'", "'tool_calls': [{")
_RESPONSE: Final = "{'id': '"
_OUTPUT: Final = "'object': 'response', 'output': ["
_SAID: Final = re.compile(
    r"""'text': ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"), 'type': 'output_text'"""
)


def told(text: str) -> tuple[str, bool]:
    """Return what a model said by a text of its answer, and whether it called a tool by it."""
    if text.startswith(_CALL) and any(mark in text for mark in _IS_CALL):
        return "", True
    if not text.startswith(_RESPONSE) or _OUTPUT not in text:
        return text, False
    output = text.partition(_OUTPUT)[2]
    said = [found for match in _SAID.finditer(output) if (found := _literal(match[1]))]
    return "\n\n".join(said), not said


def _literal(printed: str) -> str | None:
    try:
        found = ast.literal_eval(printed)
    except (SyntaxError, ValueError):
        return None
    return found if isinstance(found, str) else None
