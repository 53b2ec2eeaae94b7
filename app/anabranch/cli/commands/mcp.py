"""The server for agents, and its place in the settings of their clients."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anabranch.cli.command import Call, Common, HomeOption, NamespaceOption, command
from anabranch.cli.completion import CLIENTS, one_of
from anabranch.cli.streams import interruptible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.mcp.access import HomeAccess
    from anabranch.mcp.installation import Change, ClientView, Service
    from anabranch.mcp.relayed_lines import Hello

commands = typer.Typer(
    help="Give agents a memory: a server of the Model Context Protocol on stdin and stdout.",
    invoke_without_command=True,
)
PANEL: Final = "Servers"
_CLIENTS: Final = f"{', '.join(CLIENTS[:-1])} or {CLIENTS[-1]}"

_OF_COMMANDS: Final = frozenset({"home", "namespace"})
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

_GIVES: Final = (
    "client, path, copy, changed; without CLIENT a line a client: client, found, installed, path"
)

ClientArgument = Annotated[
    str | None,
    typer.Argument(
        help=f"The client: {_CLIENTS}. Without one they are listed.",
        metavar="CLIENT",
        autocompletion=one_of(CLIENTS),
        show_default=False,
    ),
]
ByProjectOption = Annotated[
    bool,
    typer.Option("--namespace-by-project", help="A namespace of its own for each project folder."),
]
ProjectOption = Annotated[
    bool, typer.Option("--project", help="In the project of this folder, instead of for the user.")
]
PrintOption = Annotated[bool, typer.Option("--print", help="Only print what the file would be.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Write it without asking.")]


@commands.callback()
def serve(
    context: typer.Context,
    *,
    namespace: NamespaceOption = None,
    home: HomeOption = None,
    namespace_by_project: ByProjectOption = False,
    session: Annotated[
        str | None,
        typer.Option(
            "--session",
            "-s",
            help="Sessions that agents open are branches of this one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Give agents a memory: a server of the Model Context Protocol on stdin and stdout.

    It answers at once, and joins the memory meanwhile. It ends with its client.
    """
    before = context.obj if isinstance(context.obj, Common) else Common()
    namespace, home = namespace or before.namespace, home or before.home
    context.obj = Common(namespace=namespace, home=home, json=before.json)
    if context.invoked_subcommand is None:
        import asyncio

        with interruptible():
            asyncio.run(_serve(context.obj, by_project=namespace_by_project, session=session))


async def _serve(common: Common, *, by_project: bool, session: str | None) -> None:
    from anabranch.mcp.relay import relay_address, relay_stdio

    if by_project:
        from anabranch.mcp.project import project_namespace

        _refuse_both(common)
        common = Common(namespace=project_namespace(), home=common.home, json=common.json)
    call = Call(common)
    plain = call.plain_settings
    parent_id = None if session is None else _session_id(session)
    if plain is not None and relay_address(plain) is not None:

        async def locally(hello: Hello) -> Any:
            return await _stdio().begin_locally(hello, _access(call))

        await relay_stdio(plain, parent_id=parent_id, locally=locally)
        return
    stdio = _stdio()
    agent = plain.agent if plain is not None else call.settings.agent
    await stdio.serve_stdio(_access(call), agent=agent, parent_id=parent_id)


def _access(call: Call) -> HomeAccess:
    from anabranch.mcp.access import HomeAccess

    return HomeAccess(call.plain_settings, lambda: call.settings)


def _stdio() -> Any:
    """Return the module of the server. Raises McpMissing where the SDK is not installed."""
    from anabranch.errors import McpMissing

    try:
        from anabranch.mcp import stdio
    except ModuleNotFoundError as error:
        raise McpMissing(
            f"the SDK of the Model Context Protocol is not installed: {error}",
            fix='pip install "anabranch[mcp]"',
        ) from error
    return stdio


def _refuse_both(common: Common) -> None:
    if common.namespace is not None:
        from anabranch.errors import UsageInvalid

        raise UsageInvalid(
            "namespace: --namespace-by-project names one too",
            field="namespace",
            fix="leave one of the two out",
        )


def _session_id(given: str) -> str:
    from anabranch_events import canonical_uuid
    from anabranch_events.errors import InputInvalid

    try:
        return canonical_uuid(given)
    except ValueError as error:
        raise InputInvalid(
            f"session: {error}", field="session", fix="give a session's whole id"
        ) from error


@command(commands, "install", gives=_GIVES, panel=PANEL)
async def install(
    call: Call,
    client: ClientArgument = None,
    *,
    namespace_by_project: ByProjectOption = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Ask the service at this address over HTTP, such as http://127.0.0.1:8765/mcp.",
            show_default=False,
        ),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option(
            "--key-env",
            metavar="NAME",
            help="The variable that holds the service's key or token: the file names it alone.",
            show_default=False,
        ),
    ] = None,
    project: ProjectOption = False,
    only_print: PrintOption = False,
    yes: YesOption = False,
) -> None:
    """Write the server into a client's own settings; a copy of the file before is kept.

    Codex and Gemini CLI keep variables from their servers: for them it names the settings that are
    set here, without their values.

    Without a client it lists those that it knows, and which of them are on this machine.
    """
    from anabranch.mcp.installation import installed
    from anabranch.settings import variables_set

    given = call.given_options
    folder = Path.cwd() if project else None
    if client is None:
        alone = not (namespace_by_project or url or key_env or only_print or yes)
        _list_clients(call, project=folder, alone=alone and not given & _OF_COMMANDS)
        return
    service = _service(url, key_env, alone=not (namespace_by_project or given & _OF_COMMANDS))
    options: list[str] = []
    if "home" in given:
        options += ["--home", str(call.settings.home)]
    if "namespace" in given:
        options += ["--namespace", call.settings.namespace]
    if namespace_by_project:
        options.append("--namespace-by-project")
    names = variables_set(os.environ, options=given)
    change = installed(client, options, variables=names, project=folder, service=service)
    _apply(call, change, only_print=only_print, yes=yes)


@command(commands, "uninstall", gives=_GIVES, panel=PANEL)
async def uninstall(
    call: Call,
    client: ClientArgument = None,
    *,
    project: ProjectOption = False,
    only_print: PrintOption = False,
    yes: YesOption = False,
) -> None:
    """Take the server out of a client's settings; a copy of the file before is kept.

    Without a client it lists those that it knows, and which of them have the server.
    """
    from anabranch.mcp.installation import uninstalled

    folder = Path.cwd() if project else None
    if client is None:
        _list_clients(call, project=folder, alone=not (only_print or yes))
        return
    _apply(call, uninstalled(client, project=folder), only_print=only_print, yes=yes)


def _list_clients(call: Call, *, project: Path | None, alone: bool) -> None:
    """List the clients that we know. Raises UsageInvalid beside options that are for one."""
    from anabranch.mcp.installation import known_clients

    if not alone:
        from anabranch.errors import UsageInvalid

        raise UsageInvalid(
            "client: none is named, to which the other options could apply",
            field="client",
            fix=f"name one: {_CLIENTS}; without options they are listed",
        )
    call.output.items(known_clients(project=project), _client_table)
    call.output.message("Name one: its change is shown, and asked for before it is written.")


def _client_table(found: Sequence[ClientView]) -> Table:
    from rich.text import Text

    from anabranch.terminal.listing import listing

    table = listing("client", "found here", "has Anabranch", "settings")
    said = {True: "yes", False: "-", None: "cannot be read"}
    for one in found:
        table.add_row(one.client, said[one.found], said[one.installed], Text(_in_home(one.path)))
    return table


def _in_home(path: Path) -> str:
    """Return a path as people write it: from `~` on, where it lies in the user's folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _service(url: str | None, key_env: str | None, *, alone: bool) -> Service | None:
    """Return the service that a client is to ask, if one is named. Raises UsageInvalid."""
    from urllib.parse import urlsplit

    from anabranch.errors import UsageInvalid
    from anabranch.mcp.installation import Service

    if url is None:
        if key_env is None:
            return None
        raise UsageInvalid(
            "--key-env: there is no service that wants a key", field="key_env", fix="give --url too"
        )
    if not alone:
        raise UsageInvalid(
            "--url: a service has its home and its namespaces already",
            field="url",
            fix="leave the other options out; URL?namespace=NAME names a namespace",
        )
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise UsageInvalid(
            "--url: is no address of a service",
            field="url",
            fix="give it as `anabranch serve` prints it, with /mcp: http://127.0.0.1:8765/mcp",
        )
    if key_env is not None and not _VARIABLE.fullmatch(key_env):
        raise UsageInvalid(
            "--key-env: is not the name of a variable",
            field="key_env",
            fix="export the key in a variable, and give its name: --key-env MEMORY_KEY",
        )
    return Service(url, key_env)


def _apply(call: Call, change: Change, *, only_print: bool, yes: bool) -> None:
    """Show a change, ask, and write it."""
    if only_print:
        typer.echo(change.after, nl=False)
        return
    if change.changed and not call.output.json:
        typer.echo(change.difference(), nl=False, err=True)
    if change.changed and not yes:
        _ask(f"Write {change.path}?")
    copy = change.write() if change.changed else None
    said = f"Wrote {change.path}" if change.changed else f"{change.path} is so already"
    values = {
        "client": change.client,
        "path": str(change.path),
        "copy": str(copy) if copy else None,
        "changed": change.changed,
    }
    call.output.item(values, said, *([f"The file before is {copy}"] if copy else []))


def _ask(question: str) -> None:
    """Go on where the user agrees. Raises UsageInvalid where there is nobody to ask."""
    if not sys.stdin.isatty():
        from anabranch.errors import UsageInvalid

        raise UsageInvalid(
            "--yes: nobody can be asked, stdin is no terminal",
            field="yes",
            fix="give --yes, or --print to see what it would be",
        )
    typer.confirm(question, default=True, abort=True, err=True)
