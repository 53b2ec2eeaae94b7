"""API keys of the HTTP service."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.cli.completion import one_of
from anabranch.errors import ServiceMissing, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel
    from rich.table import Table

    from anabranch.http.access.audit import Entry
    from anabranch.http.access.key_file import Key, KeyFile, KeyView

commands = typer.Typer(help="API keys for the HTTP service.", no_args_is_help=True)
PANEL: Final = "Servers"
_GIVES: Final = "id, name, scope, namespaces (null: all), rate, limits, created, expires, revoked"
_NOTHING: Final[Mapping[str, str]] = {}
_LASTING: Final = re.compile(r"(?P<number>[0-9]{1,5})(?P<unit>[smhd])")
_LIMITS: Final = ("burst", "insights", "events", "cypher")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, or its name.")]


@command(commands, "create", gives=f"{_GIVES}, key (shown once)")
async def create(
    call: Call,
    name: Annotated[str, typer.Argument(help="Who has it, or what it is for.")],
    *,
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="read|write|admin",
            help="What it permits: each has the rights of those before.",
            autocompletion=one_of(("read", "write", "admin")),
        ),
    ] = "write",
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", help="For all namespaces, not only for -N.")
    ] = False,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also", metavar="NAMESPACE", help="A further namespace.", show_default=False
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="30d",
            help="How long it holds; for ever without.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", help="How many requests a second it may send.")
    ] = 100.0,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=N",
            help="Bound one thing more; may be given again: burst=N requests at once, or a day "
            "insights=N, events=N, cypher=SECONDS.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a key for the namespace, and show it: only its hash is kept."""
    if all_namespaces and also:
        raise UsageInvalid(
            "--also: the key would be for all namespaces anyway",
            field="also",
            fix="leave out --also, or --all-namespaces to give the key these and no others",
        )
    namespaces = None if all_namespaces else [call.settings.namespace, *(also or ())]
    key, token = await _file(call).create(
        name,
        scope=scope,
        namespaces=namespaces,
        lasting=_lasting(expires),
        rate=rate,
        limits=_limits(limit or ()),
    )
    _show(call, key, token)


@command(commands, "list", gives=f"a line a key: {_GIVES}")
async def list_(call: Call) -> None:
    """List the keys, also those that were revoked."""
    call.output.items(
        [one.view for one in _file(call).keys().values()],
        _table,
        nothing="No keys: `anabranch keys create NAME` makes one.",
    )


@command(commands, "rotate", gives=f"{_GIVES}, key (shown once)")
async def rotate(call: Call, key: KeyArgument) -> None:
    """Give a key another secret, and show it; the one before ends at once."""
    _show(call, *await _file(call).rotate(key))


@command(commands, "revoke", gives=_GIVES)
async def revoke(call: Call, key: KeyArgument) -> None:
    """End a key at once, for good; streams that it opened end, too."""
    found = await _file(call).revoke(key)
    call.output.item(found.view, f"Revoked {found.id} ({found.name})")


@command(commands, "audit", gives="a line an entry: time, key, operation, namespace, status")
async def audit(
    call: Call,
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=10_000, help="How many, the last ones.")
    ] = 50,
) -> None:
    """List what was done with keys, the last entries; they are kept for 90 days."""
    from anabranch.memory.memory import namespace_of

    _file(call)
    from anabranch.http.access.audit import last_entries

    async with call.memory() as memory:
        found = await last_entries(namespace_of(memory).backend.log.connection, count)
    call.output.items(found, _entries, nothing="Nothing was done with keys yet.")


def _file(call: Call) -> KeyFile:
    """Return the keys of the home. Raises ServiceMissing."""
    from anabranch.home.folder import Home

    try:
        from anabranch.http.access.key_file import KeyFile
    except ModuleNotFoundError as error:
        raise ServiceMissing(
            f"what API keys need is not installed: {error}",
            fix="pip install 'anabranch[service]', or 'anabranch[all]' for everything",
        ) from error
    return KeyFile(Home(call.settings.home))


def _lasting(text: str | None) -> timedelta | None:
    """Return how long a key holds. Raises UsageInvalid."""
    if text is None:
        return None
    found = _LASTING.fullmatch(text)
    if found is None:
        raise UsageInvalid(
            f"--expires: {text!r} is no duration",
            field="expires",
            fix="give a number and a unit, such as 12h or 30d",
        )
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])})


def _limits(given: Sequence[str]) -> dict[str, str]:
    """Return the limits by their names. Raises UsageInvalid."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if name not in _LIMITS or not equals or name in found:
            raise UsageInvalid(
                f"--limit: {one!r} is no limit",
                field="limit",
                fix=f"give each of {', '.join(_LIMITS)} once, such as insights=1000",
            )
        found[name] = value
    return found


def _show(call: Call, key: Key, token: str) -> None:
    places = "all namespaces" if key.namespaces is None else ", ".join(key.namespaces)
    call.output.item(
        {**key.view.model_dump(mode="json"), "key": token},
        token,
        f"[dim]{key.id}: {key.scope}, {places}; it is shown this once[/]",
    )


def _table(found: Sequence[KeyView]) -> Table:
    return _columns(
        found,
        ("id", "name", "scope", "namespaces", "rate", "limits", "expires", "revoked"),
        nothing={"namespaces": "all"},
    )


def _entries(found: Sequence[Entry]) -> Table:
    return _columns(found, ("time", "key", "operation", "namespace", "status"))


def _columns(
    found: Sequence[BaseModel], names: Sequence[str], *, nothing: Mapping[str, str] = _NOTHING
) -> Table:
    """Return a row for each; `nothing` has what stands in a column where there is no value."""
    from rich.text import Text

    from anabranch.terminal.listing import listing

    table = listing(*names)
    for one in found:
        table.add_row(*(Text(_cell(getattr(one, name)) or nothing.get(name, "")) for name in names))
    return table


def _cell(value: Any) -> str:
    if hasattr(value, "daily"):
        return ", ".join(f"{name}={one:g}" for name, one in value if one is not None)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)
