"""A model of the OpenAI Agents SDK that says what a test has it say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agents import Model, ModelResponse, Usage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

Call = tuple[str, dict[str, Any]]
"""The name of a tool, and its arguments."""


class ScriptedModel(Model):
    """A model that gives its answers one after the other, and keeps what it was asked."""

    def __init__(self, answers: Sequence[str | Call | list[Call]]) -> None:
        self._answers = [*answers]
        self.inputs: list[list[Any]] = []

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[Any],  # noqa: A002 - the SDK's own name.
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        """Return the next answer: a text, the call of a tool, or calls of several at once."""
        del system_instructions
        self.inputs.append([input] if isinstance(input, str) else [*input])
        number, answer = str(len(self.inputs)), self._answers.pop(0)
        output: list[Any]
        if isinstance(answer, str):
            output = [_message(number, answer)]
        elif isinstance(answer, tuple):
            output = [_call(number, *answer)]
        else:
            output = [_call(f"{number}-{at}", *call) for at, call in enumerate(answer)]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """Refuse: no test streams."""
        raise NotImplementedError


def _message(number: str, text: str) -> ResponseOutputMessage:
    content = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(
        id=f"message-{number}",
        type="message",
        role="assistant",
        status="completed",
        content=[content],
    )


def _call(number: str, name: str, arguments: dict[str, Any]) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        id=f"tool-{number}",
        call_id=f"call-{number}",
        type="function_call",
        name=name,
        arguments=json.dumps(arguments),
    )
