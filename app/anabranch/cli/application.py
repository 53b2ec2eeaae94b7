"""The `anabranch` command: its nouns, and what happens to errors, Ctrl-C and a closed pipe."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from anabranch.cli.command import (
    PIPE_CLOSED,
    Common,
    HomeOption,
    JsonOption,
    NamespaceOption,
    silence,
)
from anabranch.cli.commands import (
    dead_letters,
    demo,
    events,
    graph,
    insights,
    memory,
    past,
    service,
    sessions,
    snapshots,
    thinking,
    transcripts,
)

_INTERRUPTED: Final = 130
_USAGE: Final = 2

application = typer.Typer(
    name="anabranch",
    help="Memory for fleets of AI sessions: sessions branch, think in parallel, and what they "
    "find is remembered.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"anabranch {version('anabranch')}")
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


application.add_typer(demo.commands)
application.add_typer(memory.commands)
application.add_typer(insights.commands)
application.add_typer(sessions.commands, name="session", rich_help_panel=sessions.PANEL)
application.add_typer(transcripts.commands, name="sessions", rich_help_panel=transcripts.PANEL)
application.add_typer(thinking.commands)
application.add_typer(graph.commands)
application.add_typer(graph.graph_commands, name="graph", rich_help_panel=graph.PANEL)
application.add_typer(past.commands)
application.add_typer(events.commands)
application.add_typer(events.event_commands, name="events", rich_help_panel=events.PANEL)
application.add_typer(snapshots.commands, name="snapshot", rich_help_panel=events.PANEL)
application.add_typer(dead_letters.commands, name="dead-letters", rich_help_panel=service.PANEL)
application.add_typer(service.commands)


def main() -> None:
    """Run the command of this process, and end with its exit code."""
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
        silence()
    raise SystemExit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    json = "--json" in given
    try:
        return application(args=given, prog_name="anabranch", standalone_mode=False) or 0
    except typer.TyperException as error:
        return _usage(error, json=json)
    except typer.Abort:
        return _INTERRUPTED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001  An error of the tree may come from anywhere.
        return _failed(error, json=json)


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
    message = error.format_message().rstrip(".")
    fix = "see `anabranch --help`, or `--help` after the command"
    write_error(UsageInvalid(message, field="arguments", fix=fix), json=json)
    return _USAGE
