"""A command, made of an async function that takes a Call, its arguments and options.

Each command also takes `--namespace`, `--home` and `--json`, after its name or before it. Each ends
with the exit code of the error it met.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Concatenate,
    Final,
    ParamSpec,
    get_args,
    get_type_hints,
)

import typer

from anabranch.cli.completion import ids_of
from anabranch.cli.help import PlainCommand
from anabranch.cli.notices import unknown_variables
from anabranch.cli.streams import PIPE_CLOSED, interruptible, silence
from anabranch_events.event.trace_context import VARIABLE, traced

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from anabranch.api.client import Client
    from anabranch.memory.memory import Memory
    from anabranch.plain_settings import PlainSettings
    from anabranch.settings import Settings

_P = ParamSpec("_P")
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
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        help="The session's id.",
        show_default=False,
        autocompletion=ids_of("sessions"),
    ),
]
ActingSessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        help="The session that does it, instead of the insight's own.",
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
SessionArgument = Annotated[
    str,
    typer.Argument(
        help="The session's id, or the end or start of it.",
        metavar="ID",
        autocompletion=ids_of("sessions"),
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file, where there is one.")]
_COMMON: Final = {"namespace": NamespaceOption, "home": HomeOption, "json": JsonOption}


@dataclass(frozen=True)
class Common:
    """The options that every command takes."""

    namespace: str | None = None
    home: Path | None = None
    json: bool = False


class Call:
    """One call of a command: its settings, where its output goes, and whom it asks."""

    def __init__(self, common: Common) -> None:
        from anabranch.terminal.output import Output

        self._common = common
        self.output = Output(json=common.json)

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises SettingInvalid; InputInvalid for an option that breaks a rule."""
        from anabranch.settings import Settings

        return Settings.read().changed(namespace=self._common.namespace, home=self._common.home)

    @property
    def given_options(self) -> frozenset[str]:
        """The settings that were given as options of this call."""
        found = (one for one in ("namespace", "home") if getattr(self._common, one) is not None)
        return frozenset(found)

    @cached_property
    def plain_settings(self) -> PlainSettings | None:
        """The few settings of a call of a service; None where others are set as well."""
        from anabranch.plain_settings import plain_settings

        return plain_settings(os.environ, home=self._common.home, namespace=self._common.namespace)

    @cached_property
    def client(self) -> Client:
        """The client of the `up` that runs on the home; it answers None where none does."""
        from anabranch.api.client import client_of

        return client_of(self.plain_settings)

    @asynccontextmanager
    async def memory(self, settings: Settings | None = None) -> AsyncGenerator[Memory]:
        """Open the memory this call is about, or that of other `settings`.

        Where that takes more than a moment a line says so; where closing does, too.
        """
        from anabranch.home.servers import would_start
        from anabranch.memory.memory import Memory

        memory = Memory(self.settings if settings is None else settings)
        home = memory.settings.home
        does = "Starting the servers of" if would_start(memory.settings) else "Opening"
        with self.output.after_a_moment(f"{does} {home}"):
            await memory
        try:
            yield memory
        finally:
            with self.output.after_a_moment(f"Closing {home}"):
                await memory.close()


def command(
    application: typer.Typer,
    name: str,
    *,
    gives: str,
    panel: str | None = None,
    served: bool = False,
    long_running: bool = False,
) -> Callable[[Callable[Concatenate[Call, _P], Awaitable[None]]], Callable[..., None]]:
    """Add the decorated async function to `application` as the command `name`.

    `gives` says what it writes with `--json`; `panel` is where it stands in the help. One that is
    `served` asks the `up` that runs on the home, and reads the settings only where there is none.

    A command stores its events in the trace of its caller, as TRACEPARENT says. One that is
    `long_running` works for many callers, and is in no trace.
    """
    epilog = f"With --json: {gives}"

    def decorate(
        function: Callable[Concatenate[Call, _P], Awaitable[None]],
    ) -> Callable[..., None]:
        @functools.wraps(function)
        def run(context: typer.Context, **values: Any) -> None:
            before = context.obj if isinstance(context.obj, Common) else Common()
            own = {key: values.pop(key) for key in _COMMON}
            common = Common(
                **{
                    key: getattr(before, key) if given is None or given is False else given
                    for key, given in own.items()
                }
            )
            import asyncio

            call = Call(common)
            for text in unknown_variables(os.environ):
                call.output.warn(text)
            traceparent = None if long_running else os.environ.get(VARIABLE)
            try:
                with interruptible(), traced(traceparent):
                    asyncio.run(_called(function, call, values, served=served))
            except BrokenPipeError:
                silence()
                raise typer.Exit(PIPE_CLOSED) from None

        application.command(name, cls=PlainCommand, epilog=epilog, rich_help_panel=panel)(run)
        return run

    return decorate


async def _called(
    function: Callable[..., Awaitable[None]], call: Call, values: dict[str, Any], *, served: bool
) -> None:
    if not (served and call.client.has_service):
        _ = call.settings  # Raises for a setting that breaks a rule, before anything is done.
    await function(call, **values)


def describe(run: Callable[..., None]) -> None:
    """Give a command the signature that Typer reads: its function's, and what all commands take.

    It is done for the command that is called only. For all of them it takes longer than to print
    the help.
    """
    function = vars(run).pop("__wrapped__", None)  # Typer would read it instead.
    if function is None:
        return
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", kind, annotation=typer.Context)]
    for one in own:
        if one.kind is inspect.Parameter.VAR_KEYWORD:
            parameters += _options_of(hints[one.name])
        else:
            parameters.append(one.replace(kind=kind, annotation=hints[one.name]))
    parameters += [
        inspect.Parameter(name, kind, annotation=hint, default=False if name == "json" else None)
        for name, hint in _COMMON.items()
    ]
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}


def _options_of(unpacked: Any) -> list[inspect.Parameter]:
    """Return the options that several commands share: `**options: Unpack[TypedDict]` names them.

    One that may be left out is None then; a flag is false, and a number 0.
    """
    (options,) = get_args(unpacked)
    kind = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(
            name,
            kind,
            annotation=hint,
            default=get_args(hint)[0]() if get_args(hint)[0] in {bool, float} else None,
        )
        for name, hint in get_type_hints(options, include_extras=True).items()
    ]


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise FileExists where there is a file that `force` does not replace."""
    if path.is_file() and not force:
        from anabranch.errors import FileExists

        raise FileExists(path)


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
