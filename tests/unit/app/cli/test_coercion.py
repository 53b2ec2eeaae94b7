"""Values of the command line, held against what Typer makes of them by itself."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  Typer reads the annotations.
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand

from anabranch.cli.help import PlainCommand

ARGUMENTS: tuple[list[str], ...] = (
    [],
    ["--text", "x", "--whole", "5", "--real", "0.5", "--many", "a", "--many", "b"],
    ["--text", "", "--whole", "-3", "--real", "2"],
    ["--whole", " 5 "],
    ["--whole", "5.0"],
    ["--whole", "five"],
    ["--whole", "99999999999999999999"],
    ["--real", "1e-3"],
    ["--real", "nan"],
    ["--real", "much"],
    ["--bounded", "3"],
    ["--bounded", "11"],
    ["--path", "/no/such/file"],
    ["--path", "."],
    ["--path", ""],
    ["--file", "/no/such/file"],
    ["--flag"],
)


def taken(kind: type[TyperCommand], arguments: list[str]) -> object:
    """Return what a command of this class takes, or the error that it says."""
    application = typer.Typer(add_completion=False, rich_markup_mode=None)
    found: dict[str, Any] = {}

    @application.command(cls=kind)
    def _take(
        *,
        text: Annotated[str | None, typer.Option()] = None,
        whole: Annotated[int, typer.Option()] = 10,
        real: Annotated[float, typer.Option()] = 1.0,
        many: Annotated[list[str] | None, typer.Option()] = None,
        bounded: Annotated[int, typer.Option(min=1, max=9)] = 5,
        path: Annotated[Path | None, typer.Option()] = None,
        file: Annotated[Path | None, typer.Option(exists=True)] = None,
        flag: Annotated[bool, typer.Option("--flag")] = False,
    ) -> None:
        found.update(locals())

    try:
        application(args=arguments, standalone_mode=False)
    except typer.TyperException as error:
        return type(error), error.format_message()
    found.pop("found")
    return {name: (type(value), repr(value)) for name, value in found.items()}


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_a_value_is_what_typer_makes_of_it(arguments: list[str]) -> None:
    """Each value, and each error, is the same with the quick way and without."""
    assert taken(PlainCommand, arguments) == taken(TyperCommand, arguments)
