"""The executors that a worker may run: none but those that its operator named.

A thought names an executor, and never says what it is. So nothing that comes over the log decides
what runs on a worker.
"""

from __future__ import annotations

import importlib
import re
import shlex
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid
from anabranch_thinking.executors.callable import CallableExecutor
from anabranch_thinking.executors.command import CommandExecutor
from anabranch_thinking.executors.recall import RecallExecutor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch_thinking.executors.base import Executor

RECALLING: Final = RecallExecutor.name
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_FUNCTION: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def allowed_executors(
    named: Sequence[str], *, passes: Sequence[str] = ()
) -> Mapping[str, Executor]:
    """Return executors by the names under which thoughts ask for them.

    Each of `named` is `recalling`, which asks memory; `module:function`, a Python function; or
    `name=command`, a command with its arguments. `passes` names variables that commands get beside
    the usual ones. Raises InputInvalid for any other, and for a function that cannot be imported.
    """
    found: dict[str, Executor] = {}
    for one in named:
        name, executor = _allowed(one.strip(), passes=passes)
        if name in found:
            raise InputInvalid(
                f"executors: {name!r} is named twice", field="executors", fix="name it once"
            )
        found[name] = executor
    return found


def _allowed(named: str, *, passes: Sequence[str]) -> tuple[str, Executor]:
    if named == RECALLING:
        return named, RecallExecutor()
    name, equals, command = named.partition("=")
    if equals and _NAME.fullmatch(name) and command.strip():
        return name, CommandExecutor(shlex.split(command), passes=passes)
    if _FUNCTION.fullmatch(named):
        return named, _imported(named)
    raise InputInvalid(
        f"executors: {named!r} names no executor",
        field="executors",
        fix=f"say {RECALLING}, module:function, or name=command",
    )


def _imported(named: str) -> Executor:
    module, _, function = named.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise InputInvalid(
            f"executors: {named} cannot be imported: {error}",
            field="executors",
            fix="check the module's name, and that it is on the worker's PYTHONPATH",
        ) from error
    if hasattr(found, "run") and hasattr(found, "name"):
        executor: Executor = found() if isinstance(found, type) else found
        return executor
    return CallableExecutor(found, name=named)
