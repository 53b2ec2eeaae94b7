"""The executors that ask chat models: a branch as a prompt, an answer as its finding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from anabranch_events.errors import AnabranchError
from anabranch_thinking.errors import DoNotRetry
from anabranch_thinking.executors.output import finding_in
from anabranch_thinking.executors.prompt import SCHEMA, answer_text, prompt_of
from anabranch_thinking.executors.service_errors import (
    SAID_MAX,
    check_client,
    cut_off,
    refused,
    said_nothing,
    stopped_early,
    unreachable,
)
from anabranch_thinking.sessions.findings import lead, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import ModuleType

    from anabranch_thinking.executors.base import BranchContext, ForkedWork
    from anabranch_thinking.sessions.findings import Finding

RETRIES: Final = 3
_GARBLED: Final = (
    *(ValueError, TypeError, LookupError, AttributeError),
    *(AssertionError, RecursionError),
)


@dataclass(slots=True)
class Answer:
    """An answer of a model: its text, how it ended, and the tokens it took.

    It `ended` whole, at the limit of tokens, or filtered by the service; None is in the middle.
    """

    text: str = ""
    ended: Literal["whole", "limit", "filtered"] | None = None
    reason: str | None = None
    refusal: str = ""
    """The model's own words, where it refused in others than an answer's."""
    usage: dict[str, Any] = field(default_factory=dict[str, Any])


class ChatExecutor(ABC):
    """An executor that asks `model`; its answer is a result with insights.

    The model gets the branch's role and task, and what memory recalls for it. `url` is the address
    of the service, without it the provider's own. Redirects are not followed, so the key goes
    nowhere else. Tokens that were used stand in the branch's working memory, under
    `anabranch.usage`.
    """

    provider: ClassVar[str]

    def __init__(
        self,
        model: str,
        *,
        url: str | None = None,
        key: str | None = None,
        tokens_max: int | None = None,
    ) -> None:
        self.name = f"{self.provider}:{model}"
        self._model = model
        self._url = url
        self._key = key
        self._tokens_max = tokens_max

    def check_here(self) -> None:
        """Raise InputInvalid where the provider's client is not installed."""
        check_client(self.provider, extra=self.provider)

    @property
    def model(self) -> str:
        """The model's name at its service."""
        return self._model

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the finding in the model's answer. Raises as `ask` does."""
        answer = await self._answer(*await prompt_of(branch), form=SCHEMA, named="finding")
        if answer.usage:
            usage = {"model": self._model, **answer.usage}
            await branch.sessions.note_usage(branch.session_id, usage)
        return finding_in(self._whole(answer), by=self.name)

    async def ask(
        self,
        instructions: str,
        message: str,
        *,
        form: Mapping[str, Any],
        named: str,
        spent: Callable[[Mapping[str, Any]], None],
    ) -> str:
        """Return a whole answer, in the form of a JSON Schema where the service knows forms.

        `named` is the name of the form. `spent` is called with the tokens, also of an answer that
        is none. Raises RetryLater for a service that is busy or away, DoNotRetry for one that
        refuses, and ExecutorFailed for an answer that is none.
        """
        answer = await self._answer(instructions, message, form=form, named=named)
        if answer.usage:
            spent(answer.usage)
        return self._whole(answer)

    def _whole(self, answer: Answer) -> str:
        """Return the text of an answer, without what stands around it. Raises for none."""
        text = answer_text(answer.text)
        if answer.ended == "limit":
            raise cut_off(self.name, tokens=self._tokens_max)
        if answer.ended == "filtered":
            said = lead(plain(answer.refusal), length_max=SAID_MAX)
            raise DoNotRetry(
                f"{self.name}: the answer was refused or filtered{said and f': {said}'}"
            )
        if answer.ended is None and (text or answer.usage):
            raise stopped_early(self.name)
        if not text:
            raise said_nothing(self.name, because=answer.reason)
        return text

    @abstractmethod
    async def _answer(
        self, instructions: str, message: str, *, form: Mapping[str, Any], named: str
    ) -> Answer:
        """Ask the model."""

    @contextmanager
    def _translated(self, client: ModuleType) -> Generator[None]:
        """Raise the errors of a provider's client, which both name alike, as thinking has them.

        A client takes what a service sends for what it should be. So a line that is no JSON, or has
        another form, is an error of Python's own, there or where the parts are read.
        """
        try:
            yield
        except client.APIStatusError as error:
            headers = error.response.headers
            raise refused(self.name, error.status_code, error.message, headers) from None
        except client.APIError as error:
            raise unreachable(self.name, error) from error
        except AnabranchError:
            raise
        except _GARBLED as error:
            raise said_nothing(self.name, because="it is no stream of an answer") from error
