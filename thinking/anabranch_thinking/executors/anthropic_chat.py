"""The executor that asks a model of Anthropic's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import orjson

from anabranch_thinking.executors.chat import RETRIES, Answer, ChatExecutor
from anabranch_thinking.executors.service_errors import client_missing, end_long_pauses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anthropic import AsyncAnthropic

TOKENS_MAX: Final = 8192
_ENDS: Final[dict[str, Literal["limit", "filtered"]]] = {
    "max_tokens": "limit",
    "refusal": "filtered",
}


class AnthropicExecutor(ChatExecutor):
    """Asks over the Messages protocol; the answer is the input of a tool."""

    provider: ClassVar[str] = "anthropic"

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key: str | None = None,
        tokens_max: int = TOKENS_MAX,
    ) -> None:
        super().__init__(model, url=url, key=key, tokens_max=tokens_max)

    async def _answer(
        self, instructions: str, message: str, *, form: Mapping[str, Any], named: str
    ) -> Answer:
        """Ask for the whole message, streamed: a long one is not cut by a timeout between."""
        tool: Any = {
            "name": f"record_{named}",
            "description": "Give the answer to the task.",
            "input_schema": form,
        }
        client = self._client()
        import anthropic

        with self._translated(anthropic):
            async with (
                client,
                client.messages.stream(
                    model=self._model,
                    max_tokens=self._tokens_max or TOKENS_MAX,
                    system=instructions,
                    messages=[{"role": "user", "content": message}],
                    tools=[tool],
                    tool_choice={"type": "tool", "name": tool["name"]},
                ) as stream,
            ):
                found = await stream.get_final_message()
            return _answer_of(found, needed=form["required"][0])

    def _client(self) -> AsyncAnthropic:
        try:
            from anthropic import AsyncAnthropic
            from httpx2 import AsyncClient
        except ModuleNotFoundError as error:
            raise client_missing("anthropic", extra="anthropic") from error
        return AsyncAnthropic(
            api_key=self._key or "none",
            base_url=self._url or "https://api.anthropic.com",
            max_retries=RETRIES,
            http_client=AsyncClient(
                follow_redirects=False,
                timeout=None,
                event_hooks={"response": [end_long_pauses]},
            ),
        )


def _answer_of(found: Any, *, needed: str) -> Answer:
    reason = found.stop_reason
    return Answer(
        text=_text_in(found.content, needed=needed),
        ended=_ENDS.get(reason, "whole") if reason else None,
        reason=reason,
        usage={
            "input_tokens": found.usage.input_tokens,
            "output_tokens": found.usage.output_tokens,
        },
    )


def _text_in(content: Any, *, needed: str) -> str:
    """Return what the tool was called with, as JSON, or else what was said beside it."""
    for block in content:
        if block.type == "tool_use" and needed in block.input:
            return orjson.dumps(block.input).decode()
    return "".join(block.text for block in content if block.type == "text")
