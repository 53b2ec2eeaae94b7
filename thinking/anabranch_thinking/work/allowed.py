"""The executors that a worker may run: none but those that its operator named.

A thought names an executor, and never says what it is. So nothing that comes over the log decides
what runs on a worker.
"""

from __future__ import annotations

import importlib
import re
import shlex
from typing import TYPE_CHECKING, Final, cast

from anabranch_events.errors import InputInvalid
from anabranch_thinking.executors.access import NO_KEYS, ExecutorAccess
from anabranch_thinking.executors.anthropic_chat import TOKENS_MAX, AnthropicExecutor
from anabranch_thinking.executors.base import CheckedExecutor
from anabranch_thinking.executors.callable import CallableExecutor
from anabranch_thinking.executors.command import CommandExecutor
from anabranch_thinking.executors.github_actions import SCHEME, GitHubActionsExecutor
from anabranch_thinking.executors.http_call import HttpExecutor
from anabranch_thinking.executors.openai_chat import OpenAIExecutor
from anabranch_thinking.executors.recall import RecallExecutor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch_thinking.executors.base import Executor
    from anabranch_thinking.executors.callable import Work
    from anabranch_thinking.executors.chat import ChatExecutor

RECALLING: Final = RecallExecutor.name
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def allowed_executors(
    named: Sequence[str],
    *,
    passes: Sequence[str] = (),
    access: ExecutorAccess = NO_KEYS,
    here: bool = True,
    field: str = "executors",
) -> Mapping[str, Executor]:
    """Return executors by the names under which thoughts ask for them.

    Each of `named` is `recalling`, which asks memory, or `module:function`, a Python function. Or
    it is the address of a service: `openai://MODEL`, `anthropic://MODEL`, `https://...` or
    `github-actions://OWNER/REPOSITORY/WORKFLOW@REF`. Or it
    is `name=` with such an address, or with a command and its arguments.

    `passes` names variables that commands get beside the usual ones, `access` has the keys of
    services. Raises InputInvalid naming `field` for any other, for none at all, and for a function
    that cannot be imported. Where they are to run `here` also for a command that does not exist,
    and for a client or a token that is lacking.
    """
    if not named:
        raise InputInvalid(
            f"{field}: none is allowed, so there is nothing that a worker may run",
            field=field,
            fix="name them: recalling, module:function, or name=command",
        )
    found: dict[str, Executor] = {}
    for one in map(str.strip, named):
        try:
            name, executor = _allowed(one, passes=passes, access=access)
            if here and isinstance(executor, CheckedExecutor):
                executor.check_here()
        except InputInvalid as error:
            said = error.message.removeprefix("executor: ")
            raise InputInvalid(f"{field}: {one!r}: {said}", field=field, fix=error.fix) from error
        if name in found:
            raise InputInvalid(f"{field}: {name!r} is named twice", field=field, fix="name it once")
        found[name] = executor
    return found


def is_command(named: str) -> bool:
    """Tell a command from the address of a service, a Python function, and `recalling`."""
    if named == RECALLING or _FUNCTION.fullmatch(named):
        return False
    return executor_at(named, access=NO_KEYS) is None


def executor_at(address: str, *, access: ExecutorAccess) -> Executor | None:
    """Return the executor that calls the service at an address; None for what is no address."""
    scheme, separator, rest = address.partition("://")
    if not separator or not rest or any(map(str.isspace, address)):
        return None
    if (chat := chat_at(address, access=access)) is not None:
        return chat
    if scheme == SCHEME:
        return GitHubActionsExecutor(rest, url=access.github_url, token=access.github_token)
    if scheme in {"http", "https"}:
        return HttpExecutor(address, key=access.http_key)
    return None


def chat_at(
    address: str, *, access: ExecutorAccess, tokens_max: int | None = None
) -> ChatExecutor | None:
    """Return the chat model at an address, for answers of at most so many tokens; None for none."""
    scheme, _, model = address.partition("://")
    if scheme == "openai":
        return OpenAIExecutor(
            model, url=access.openai_url, key=access.openai_key, tokens_max=tokens_max
        )
    if scheme == "anthropic":
        return AnthropicExecutor(
            model,
            url=access.anthropic_url,
            key=access.anthropic_key,
            tokens_max=tokens_max or TOKENS_MAX,
        )
    return None


def _allowed(named: str, *, passes: Sequence[str], access: ExecutorAccess) -> tuple[str, Executor]:
    if named == RECALLING:
        return named, RecallExecutor()
    if (called := executor_at(named, access=access)) is not None:
        return named, called
    name, equals, command = named.partition("=")
    if equals and _NAME.fullmatch(name) and command.strip():
        called = executor_at(command.strip(), access=access)
        return name, called or CommandExecutor(words_of(command), passes=passes)
    if _FUNCTION.fullmatch(named):
        return named, _imported(named)
    raise InputInvalid(
        "executor: names no executor",
        field="executor",
        fix=f"say {RECALLING}, module:function, name=command, openai://MODEL, anthropic://MODEL, "
        "https://... or github-actions://OWNER/REPOSITORY/WORKFLOW@REF",
    )


def words_of(command: str) -> list[str]:
    """Return a command and its arguments. Raises InputInvalid for quotes that do not end."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise InputInvalid(
            f"executor: {command!r} is no command with arguments: {error}",
            field="executor",
            fix="close its quotes, or write them as \\' or \\\"",
        ) from error


def _imported(named: str) -> Executor:
    module, _, function = named.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
        if hasattr(found, "run") and hasattr(found, "name"):
            executor: Executor = found() if isinstance(found, type) else found
            return executor
    except Exception as error:
        raise InputInvalid(
            f"executor: cannot be imported: {type(error).__name__}: {error}",
            field="executor",
            fix="check the name, that PYTHONPATH has the module's folder where it runs, and that it "
            "imports",
        ) from error
    if not callable(found):
        raise InputInvalid(
            f"executor: is {type(found).__name__}, which cannot be called",
            field="executor",
            fix="name a function that takes a branch, or an executor",
        )
    return CallableExecutor(cast("Work", found), name=named)
