"""The executor that asks a model of Anthropic's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch_thinking.errors import DoNotRetry
from anabranch_thinking.executors.model_errors import (
    client_missing,
    cut_off,
    refused,
    said_nothing,
    stopped_early,
    unreachable,
)
from anabranch_thinking.executors.openai_chat import RETRIES
from anabranch_thinking.executors.output import finding_in
from anabranch_thinking.executors.prompt import SCHEMA, answer_text, prompt_of

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from anabranch_thinking.executors.base import BranchContext, ForkedWork
    from anabranch_thinking.sessions.findings import Finding

TOKENS_MAX: Final = 8192
_TOOL: Final = "record_finding"
_TOOLS: Final[list[dict[str, Any]]] = [
    {"name": _TOOL, "description": "Give the answer to the task.", "input_schema": SCHEMA}
]


class AnthropicExecutor:
    """An executor that asks `model`; it answers by a tool whose input is a result with insights.

    The model gets the branch's role and task, and what memory recalls for it. Redirects are not
    followed. Tokens that were used stand in the branch's working memory, under `usage`.
    """

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key: str | None = None,
        tokens_max: int = TOKENS_MAX,
    ) -> None:
        self.name = f"anthropic:{model}"
        self._model = model
        self._url = url
        self._key = key
        self._tokens_max = tokens_max

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the finding in the model's answer.

        Raises RetryLater for a service that is busy or away, DoNotRetry for one that refuses, and
        ExecutorFailed for an answer that is none.
        """
        instructions, message = await prompt_of(branch)
        answer = await self._answer(instructions, message)
        usage = {
            "model": self._model,
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
        }
        await branch.note("usage", usage)
        if answer.stop_reason == "max_tokens":
            raise cut_off(self.name, tokens=self._tokens_max)
        if answer.stop_reason is None:
            raise stopped_early(self.name)
        if answer.stop_reason == "refusal":
            raise DoNotRetry(f"{self.name}: the model refused the task")
        for block in answer.content:
            if block.type == "tool_use" and "result" in block.input:
                return finding_in(orjson.dumps(block.input).decode(), by=self.name)
        text = answer_text("".join(one.text for one in answer.content if one.type == "text"))
        if not text:
            raise said_nothing(self.name, because=answer.stop_reason)
        return finding_in(text, by=self.name)

    async def _answer(self, instructions: str, message: str) -> Any:
        """Return the whole message, streamed: a long one is not cut by a timeout between."""
        client = self._client()
        import anthropic

        try:
            async with (
                client,
                client.messages.stream(
                    model=self._model,
                    max_tokens=self._tokens_max,
                    system=instructions,
                    messages=[{"role": "user", "content": message}],
                    tools=_TOOLS,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # It is a tool.
                    tool_choice={"type": "tool", "name": _TOOL},
                ) as stream,
            ):
                return await stream.get_final_message()
        except AssertionError as error:
            # The client's word for a stream without a message, such as a page of HTML.
            raise said_nothing(self.name, because="it is no stream of a message") from error
        except anthropic.APIStatusError as error:
            raise refused(
                self.name, error.status_code, error.message, error.response.headers
            ) from None
        except (anthropic.APIConnectionError, anthropic.APIError) as error:
            raise unreachable(self.name, error) from error

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
            http_client=AsyncClient(follow_redirects=False, timeout=None),
        )
