"""How a command is made: an async function that takes a Call, its arguments and options.

Each command also takes `--namespace`, `--home` and `--json`, after its name or before it, and each
ends with the exit code of the error it met.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, ParamSpec, get_type_hints

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anabranch.memory.memory import Memory
    from anabranch.settings import Settings
    from anabranch.terminal.output import Output

_P = ParamSpec("_P")
PIPE_CLOSED: Final = 141
_PANEL: Final = "Options of every command"

NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-N",
        help="The namespace to work in (ANABRANCH_NAMESPACE, or default).",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="The folder of the memory (ANABRANCH_HOME).",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Write JSON: one object, or a line an item.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="POSITION|TIME",
        help="Answer as it was then; a time is ISO 8601, in UTC where it names no zone.",
        show_default=False,
    ),
]
_COMMON: Final = {"namespace": NamespaceOption, "home": HomeOption, "json": JsonOption}


@dataclass(frozen=True)
class Call:
    """One call of a command: what every command is told."""

    settings: Settings
    output: Output

    def memory(self, **options: Any) -> Memory:
        """Return the memory this call is about, to be opened by `async with`."""
        from anabranch.memory.memory import Memory

        return Memory(self.settings, **options)


@dataclass(frozen=True)
class Common:
    """The options that stand before the command."""

    namespace: str | None = None
    home: Path | None = None
    json: bool = False


def command(
    application: typer.Typer, name: str, *, gives: str, panel: str | None = None
) -> Callable[[Callable[Concatenate[Call, _P], Awaitable[None]]], Callable[..., None]]:
    """Add the decorated async function to `application` as the command `name`.

    `gives` says what it writes with `--json`; `panel` is where it stands in the help.
    """
    epilog = f"With --json: {gives}"

    def decorate(
        function: Callable[Concatenate[Call, _P], Awaitable[None]],
    ) -> Callable[..., None]:
        @functools.wraps(function)
        def run(context: typer.Context, **values: Any) -> None:
            before = context.obj if isinstance(context.obj, Common) else Common()
            common = {key: values.pop(key) or getattr(before, key) for key in _COMMON}
            try:
                asyncio.run(_called(function, common, values))
            except BrokenPipeError:
                silence()
                raise typer.Exit(PIPE_CLOSED) from None

        _describe(run, function)
        application.command(name, epilog=epilog, rich_help_panel=panel)(run)
        return run

    return decorate


async def _called(
    function: Callable[..., Awaitable[None]], common: dict[str, Any], values: dict[str, Any]
) -> None:
    from anabranch.settings import Settings
    from anabranch.terminal.output import Output

    settings = Settings.read().changed(namespace=common["namespace"], home=common["home"])
    await function(Call(settings, Output(json=common["json"])), **values)


def _describe(run: Callable[..., None], function: Callable[..., Any]) -> None:
    """Give `run` the signature that Typer reads: the function's own, and what all commands take."""
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", kind, annotation=typer.Context)]
    parameters += [one.replace(kind=kind, annotation=hints[one.name]) for one in own]
    parameters += [
        inspect.Parameter(name, kind, annotation=hint, default=False if name == "json" else None)
        for name, hint in _COMMON.items()
    ]
    del run.__wrapped__  # type: ignore[attr-defined]  # Typer would read the function behind it.
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}


def silence() -> None:
    """Send what is still to be written nowhere: whoever read it has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def standard_input(value: str) -> str:
    """Return `value`, or all of stdin when it is `-`.

    Raises InputInvalid when stdin is not text.
    """
    if value != "-":
        return value
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        from anabranch.errors import InputInvalid

        raise InputInvalid(
            f"stdin is not UTF-8 text: {error}", field="text", fix="send UTF-8 text"
        ) from error
