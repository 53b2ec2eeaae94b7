"""The executor that asks a chat model, at OpenAI or any endpoint that speaks its protocol."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from anabranch_thinking.errors import DoNotRetry
from anabranch_thinking.executors.model_errors import (
    client_missing,
    cut_off,
    refused,
    said_nothing,
    stopped_early,
    unreachable,
)
from anabranch_thinking.executors.output import OUTPUT_MAX, finding_in
from anabranch_thinking.executors.prompt import SCHEMA, answer_text, prompt_of

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from anabranch_thinking.executors.base import BranchContext, ForkedWork
    from anabranch_thinking.sessions.findings import Finding

RETRIES: Final = 3
_NO_SUCH_FORM: Final = frozenset({400, 422})
_FORM: Final[dict[str, Any]] = {
    "type": "json_schema",
    "json_schema": {"name": "finding", "schema": SCHEMA, "strict": True},
}


class OpenAIExecutor:
    """An executor that asks `model`; its answer is a result with insights.

    The model gets the branch's role and task, and what memory recalls for it. `url` is the address
    up to `/chat/completions`; without it OpenAI's own. Redirects are not followed, so the key goes
    nowhere else. Tokens that were used stand in the branch's working memory, under `usage`.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key: str | None = None,
        tokens_max: int | None = None,
    ) -> None:
        self.name = f"openai:{model}"
        self._model = model
        self._url = url
        self._key = key
        self._tokens_max = tokens_max
        self._takes_form = True

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the finding in the model's answer.

        Raises RetryLater for a service that is busy or away, DoNotRetry for one that refuses, and
        ExecutorFailed for an answer that is none.
        """
        instructions, message = await prompt_of(branch)
        messages = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": message},
        ]
        answer = await self._answer(messages)
        if answer.usage:
            await branch.note("usage", {"model": self._model, **answer.usage})
        text = answer_text(answer.text)
        if answer.ended == "length":
            raise cut_off(self.name, tokens=self._tokens_max)
        if answer.ended == "content_filter":
            raise DoNotRetry(f"{self.name}: the service filtered the answer")
        if not text:
            raise said_nothing(self.name, because=answer.ended)
        if answer.ended is None:
            raise stopped_early(self.name)
        return finding_in(text, by=self.name)

    async def _answer(self, messages: list[dict[str, str]]) -> _Answer:
        """Ask for the form of an answer; of an endpoint that knows none, without."""
        import openai

        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._client())
            try:
                if not self._takes_form:
                    return await self._streamed(client, messages, {})
                try:
                    return await self._streamed(client, messages, {"response_format": _FORM})
                except openai.APIStatusError as error:
                    if error.status_code not in _NO_SUCH_FORM:
                        raise
                    answer = await self._streamed(client, messages, {})
                    self._takes_form = False
                    return answer
            except openai.APIStatusError as error:
                raise refused(
                    self.name, error.status_code, error.message, error.response.headers
                ) from None
            except (openai.APIConnectionError, openai.APIError) as error:
                raise unreachable(self.name, error) from error

    def _client(self) -> AsyncOpenAI:
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
        except ModuleNotFoundError as error:
            raise client_missing("openai", extra="openai") from error
        return AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._url or "https://api.openai.com/v1",
            max_retries=RETRIES,
            http_client=DefaultAsyncHttpx2Client(follow_redirects=False),
        )

    async def _streamed(
        self, client: AsyncOpenAI, messages: list[dict[str, str]], form: dict[str, Any]
    ) -> _Answer:
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
        answer = _Answer()
        async with stream:
            async for chunk in stream:
                answer.take(chunk)
                if len(answer.text) > OUTPUT_MAX:
                    raise DoNotRetry(
                        f"{self.name}: the answer is longer than {OUTPUT_MAX} characters"
                    )
        return answer


class _Answer:
    """An answer as it comes: its text, why it ended, and what it cost."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.ended: str | None = None
        self.usage: dict[str, Any] = {}

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def take(self, chunk: Any) -> None:
        for choice in chunk.choices[:1]:
            if choice.delta is not None and choice.delta.content:
                self._parts.append(choice.delta.content)
            self.ended = choice.finish_reason or self.ended
        if chunk.usage is not None:
            self.usage = {
                "input_tokens": chunk.usage.prompt_tokens,
                "output_tokens": chunk.usage.completion_tokens,
            }
            cost = getattr(chunk.usage, "cost", None)
            if isinstance(cost, (int, float)):
                self.usage["cost"] = cost
