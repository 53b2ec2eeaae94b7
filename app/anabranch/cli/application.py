"""The `anabranch` command: its nouns, and what happens to errors, Ctrl-C and a closed pipe."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer
import typer.main

from anabranch.cli.command import (
    Common,
    HomeOption,
    JsonOption,
    NamespaceOption,
    describe,
)
from anabranch.cli.help import Abstract, PlainGroup
from anabranch.cli.interrupt import INTERRUPTED
from anabranch.cli.streams import PIPE_CLOSED, prepare_streams, silence
from anabranch.cli.version import version_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_USAGE: Final = 2


class _Place(NamedTuple):
    """Where a command, or a group of them, is defined."""

    module: str
    attribute: str = "commands"
    is_group: bool = False


_PLACES: Final[Mapping[str, _Place]] = {
    "demo": _Place("demo"),
    "remember": _Place("memory"),
    "recall": _Place("recall"),
    "context": _Place("recall"),
    "note": _Place("memory"),
    "get": _Place("insights"),
    "update": _Place("insights"),
    "retract": _Place("insights"),
    "forget": _Place("forgetting"),
    "cite": _Place("insights"),
    "associate": _Place("insights"),
    "associations": _Place("insights"),
    "sever": _Place("insights"),
    "remember-all": _Place("insights"),
    "about": _Place("about"),
    "conflicts": _Place("conflicts", is_group=True),
    "retention": _Place("retention", is_group=True),
    "session": _Place("sessions", is_group=True),
    "sessions": _Place("transcripts", is_group=True),
    "think": _Place("thinking"),
    "roles": _Place("thinking"),
    "consolidate": _Place("thinking"),
    "worker": _Place("worker"),
    "tasks": _Place("work", "task_commands", is_group=True),
    "workers": _Place("work", "worker_commands", is_group=True),
    "stats": _Place("load"),
    "top": _Place("load"),
    "cypher": _Place("graph"),
    "rebuild": _Place("graph"),
    "graph": _Place("graph", "graph_commands", is_group=True),
    "history": _Place("past"),
    "diff": _Place("past"),
    "replay": _Place("events"),
    "events": _Place("events", "event_commands", is_group=True),
    "log": _Place("log", "log_commands", is_group=True),
    "namespace": _Place("namespaces", is_group=True),
    "snapshot": _Place("snapshots", is_group=True),
    "dead-letters": _Place("dead_letters", is_group=True),
    "mcp": _Place("mcp", is_group=True),
    "up": _Place("service"),
    "serve": _Place("serve"),
    "keys": _Place("keys", is_group=True),
    "down": _Place("service"),
    "status": _Place("service"),
    "doctor": _Place("service"),
    "settings": _Place("settings"),
}
"""Each command of the first level, in the order of the help. Running it imports its module."""


class Commands(PlainGroup):
    """The commands of the first level, each made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  Typer's signature.
        """Return the names, in the order of the help."""
        return list(_PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  As above.
        """Return the command of this name; None where there is none."""
        place = _PLACES.get(cmd_name)
        return None if place is None else _made(cmd_name, place)

    def abstracts(self, ctx: Any) -> Iterator[Abstract]:  # noqa: ARG002  As above.
        """Yield each command's panel, name and help; none is made for it."""
        for name, place in _PLACES.items():
            module, noun = _noun(place)
            if place.is_group:
                yield Abstract(module.PANEL, name, noun.info.help)
            else:
                found = _registered(noun, name)
                yield Abstract(found.rich_help_panel, name, found.callback.__doc__)

    @property
    def commands(self) -> dict[str, Any]:
        """Every command by its name; it imports them all."""
        return {name: _made(name, place) for name, place in _PLACES.items()}

    @commands.setter
    def commands(self, _given: object) -> None:
        """Take what Typer registers, which is nothing."""


def _noun(place: _Place) -> tuple[Any, Any]:
    module: Any = import_module(f"anabranch.cli.commands.{place.module}")
    return module, getattr(module, place.attribute)


def _registered(noun: Any, name: str) -> Any:
    return next(one for one in noun.registered_commands if one.name == name)


def _callback(registered: Any) -> Any:
    return registered.callback


def _made(name: str, place: _Place) -> Any:
    module, noun = _noun(place)
    around = typer.Typer(rich_markup_mode=None)
    if place.is_group:
        found = noun.registered_commands
        around.add_typer(noun, name=name, cls=PlainGroup, rich_help_panel=module.PANEL)
    else:
        found = around.registered_commands = [_registered(noun, name)]
    for one in found:
        describe(_callback(one))
    return typer.main.get_group(around).commands[name]


application = typer.Typer(
    name="anabranch",
    cls=Commands,
    help="Memory for fleets of AI sessions: sessions branch, think in parallel, and what they "
    "find is remembered.",
    epilog="`anabranch help COMMAND` shows one of them, with an example.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(version_line(), nl=False)
        raise typer.Exit


@application.callback()
def _before(
    context: typer.Context,
    *,
    namespace: NamespaceOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    context.obj = Common(namespace=namespace, home=home, json=json)


def run(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = _without_help_word(sys.argv[1:] if arguments is None else arguments)
    json = "--json" in given
    prepare_streams()
    if not json:
        return _run(given, json=False)
    from anabranch.cli.json_warnings import warnings_as_json

    with warnings_as_json():
        return _run(given, json=True)


def _run(given: list[str], *, json: bool) -> int:
    try:
        return application(args=given, prog_name="anabranch", standalone_mode=False) or 0
    except typer.TyperException as error:
        return _usage(error, json=json)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        silence()  # Typer ends with 1 where whoever read a help has gone.
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001  An error of the tree may come from anywhere.
        return _failed(error, json=json)


def _without_help_word(given: list[str]) -> list[str]:
    """Return `help COMMAND` as `COMMAND --help`."""
    return [*given[1:], "--help"] if given[:1] == ["help"] else given


def _failed(error: Exception, *, json: bool) -> int:
    """Write an error of the tree; anything else is a fault of ours and keeps its traceback."""
    from anabranch.errors import AnabranchError, ServiceFailed
    from anabranch.terminal.output import write_error

    if not isinstance(error, AnabranchError):
        raise error
    write_error(error, json=json)
    return error.code if isinstance(error, ServiceFailed) else error.exit_code


def _usage(error: typer.TyperException, *, json: bool) -> int:
    from anabranch.errors import UsageInvalid
    from anabranch.terminal.output import write_error

    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return _USAGE
    message = _in_our_words(error) or _said(error).rstrip(".")
    fix = f"see `{_help_on(error)}`"
    write_error(UsageInvalid(message, field="arguments", fix=fix), json=json)
    return _USAGE


def _in_our_words(error: typer.TyperException) -> str | None:
    """Return which option breaks which rule, where pydantic complained of its value."""
    from pydantic import ValidationError

    from anabranch_events.event.complaint import rule_of

    if not isinstance(error.__cause__, ValidationError):
        return None
    rule = rule_of(error.__cause__.errors(include_url=False)[0])
    named = _said(error).partition(":")[0]
    return f"{named}: must be {rule}" if rule else None


def _said(error: typer.TyperException) -> str:
    """Return the message, with an argument in capitals as the help has it."""
    message, parameter = error.format_message(), getattr(error, "param", None)
    if parameter is None or parameter.param_type_name != "argument":
        return message
    hint = parameter.get_error_hint()
    return message.replace(hint, hint.upper())


def _help_on(error: typer.TyperException) -> str:
    """Return what shows the help of the command that was used wrong."""
    context: Any = getattr(error, "ctx", None)
    path = "anabranch" if context is None else context.command_path
    return path.replace("anabranch", "anabranch help", 1)
