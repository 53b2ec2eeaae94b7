"""The executor that asks a chat model at OpenAI, or at any endpoint that speaks its protocol."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from anabranch_thinking.errors import DoNotRetry
from anabranch_thinking.executors.chat import RETRIES, Answer, ChatExecutor
from anabranch_thinking.executors.output import OUTPUT_MAX
from anabranch_thinking.executors.service_errors import client_missing, end_long_pauses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import AsyncOpenAI

_NO_SUCH_FORM: Final = frozenset({400, 422})
_ENDS: Final[dict[str, Literal["limit", "filtered"]]] = {
    "length": "limit",
    "content_filter": "filtered",
}


class OpenAIExecutor(ChatExecutor):
    """Asks over the chat protocol; `url` is the address up to `/chat/completions`."""

    provider: ClassVar[str] = "openai"
    _takes_form = True

    async def _answer(
        self, instructions: str, message: str, *, form: Mapping[str, Any], named: str
    ) -> Answer:
        """Ask for the form of an answer; of an endpoint that knows none, without."""
        asked = {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": named, "schema": form, "strict": True},
            }
        }
        messages = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": message},
        ]
        client = self._client()
        import openai

        with self._translated(openai):
            async with client:
                if not self._takes_form:
                    return await self._streamed(client, messages, {})
                try:
                    return await self._streamed(client, messages, asked)
                except openai.APIStatusError as error:
                    if error.status_code not in _NO_SUCH_FORM:
                        raise
                answer = await self._streamed(client, messages, {})
                self._takes_form = False
                return answer

    def _client(self) -> AsyncOpenAI:
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
        except ModuleNotFoundError as error:
            raise client_missing("openai", extra="openai") from error
        return AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._url or "https://api.openai.com/v1",
            max_retries=RETRIES,
            http_client=DefaultAsyncHttpx2Client(
                follow_redirects=False, event_hooks={"response": [end_long_pauses]}
            ),
        )

    async def _streamed(
        self, client: AsyncOpenAI, messages: list[dict[str, str]], form: dict[str, Any]
    ) -> Answer:
        """Return the answer, put together as it comes."""
        create: Any = client.chat.completions.create
        limit = {} if self._tokens_max is None else {"max_completion_tokens": self._tokens_max}
        stream = await create(
            model=self._model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            **limit,
            **form,
        )
        answer, parts, length = Answer(), list[str](), 0
        async with stream:
            async for chunk in stream:
                for choice in chunk.choices[:1]:
                    said = (choice.delta.content if choice.delta else None) or ""
                    refused = getattr(choice.delta, "refusal", None) or ""
                    parts.append(said)
                    answer.refusal += refused
                    length += len(said) + len(refused)
                    answer.reason = choice.finish_reason or answer.reason
                if length > OUTPUT_MAX:
                    raise DoNotRetry(
                        f"{self.name}: the answer is longer than {OUTPUT_MAX:,} characters"
                    )
                if chunk.usage is not None:
                    answer.usage = _usage(chunk.usage)
        answer.text = "".join(parts)
        answer.ended = _ENDS.get(answer.reason, "whole") if answer.reason else None
        if answer.refusal and not answer.text:
            answer.ended = "filtered"
        return answer


def _usage(told: Any) -> dict[str, Any]:
    """Return the tokens of an answer, and its cost where the endpoint tells one."""
    counts = {"input_tokens": told.prompt_tokens, "output_tokens": told.completion_tokens}
    found: dict[str, Any] = {name: one for name, one in counts.items() if isinstance(one, int)}
    cost = getattr(told, "cost", None)
    return {**found, "cost": cost} if isinstance(cost, (int, float)) and isfinite(cost) else found
