"""Commands and groups without what is slow to import.

Help is plain text, by panels: to render it by rich takes longer than most commands run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from typer.core import TyperCommand, TyperGroup

from anabranch.cli.coercion import take_quickly
from anabranch.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ARGUMENTS: Final = "Arguments"
_COMMANDS: Final = "Commands"
_OPTIONS: Final = "Options"
_BRACES: Final = re.compile(r"\{([^}]*)\}")
_TYPE: Final = re.compile(r"<([^>]+)>")
_VALUES: Final = {
    "str": "TEXT",
    "list[str]": "TEXT",
    "int": "NUMBER",
    "float": "NUMBER",
    "path": "PATH",
}

# Typer's contexts, formatters and parameters are private: Any.


class Abstract(NamedTuple):
    """A command as the help of its group lists it."""

    panel: str | None
    name: str
    help: str | None


class PlainCommand(TyperCommand):
    """A command whose options stand by their panels."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; what is clear is taken without Typer's adapters."""
        take_quickly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line; arguments are in capitals, as everywhere."""
        return [_BRACES.sub(_capital, piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        _write(formatter, _parameters(self, ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write an example, and the fields with `--json`."""
        example = EXAMPLES.get(ctx.command_path)
        if example is not None:
            with formatter.section("Example"):
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


class PlainGroup(TyperGroup):
    """A group whose options and commands stand by their panels."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; what is clear is taken without Typer's adapters."""
        take_quickly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands with the first sentence of each."""
        _write(formatter, _parameters(self, ctx))
        rows = (
            (one.panel or _COMMANDS, (one.name, _first_paragraph(one.help)))
            for one in self.abstracts(ctx)
        )
        _write(formatter, rows)

    def abstracts(self, ctx: Any) -> Iterator[Abstract]:
        """Yield each command's panel, name and help."""
        for name in self.list_commands(ctx):
            one: Any = self.get_command(ctx, name)
            yield Abstract(one.rich_help_panel, name, one.help)


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


def _parameters(one: Any, ctx: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each parameter with its panel: arguments first, what every command takes last."""
    parameters = sorted(one.get_params(ctx), key=_place)
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record is not None:
            is_argument = parameter.param_type_name == "argument"
            panel = parameter.rich_help_panel or (_ARGUMENTS if is_argument else _OPTIONS)
            names, said = record
            yield panel, (_argument(parameter) if is_argument else _value_named(names), said)


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _value_named(names: str) -> str:
    """Return an option's names with its value in the form of a placeholder: `-k NUMBER`."""
    return _TYPE.sub(lambda found: _VALUES.get(found[1], found[1].upper()), names)


def _capital(braces: re.Match[str]) -> str:
    return braces[1].upper()


def _place(parameter: Any) -> tuple[bool, bool]:
    return parameter.param_type_name != "argument", getattr(
        parameter, "rich_help_panel", None
    ) is not None


def _write(formatter: Any, rows: Iterable[tuple[str, tuple[str, str]]]) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    for panel, row in rows:
        panels.setdefault(panel, []).append(row)
    for panel, found in panels.items():
        with formatter.section(panel):
            formatter.write_dl(found)
