"""The help of every command: its example, its words, and its short options."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from anabranch.cli import run
from anabranch.cli.application import application
from anabranch.cli.examples import EXAMPLES
from anabranch_thinking.pools.scaling import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterator


def all_commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it. Typer's own classes are private: Any."""
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from all_commands(one, f"{path} {name}")
        else:
            yield f"{path} {name}", one


COMMANDS = dict(all_commands(typer.main.get_command(application), "anabranch"))


def test_every_command_has_an_example() -> None:
    """There is one example a command, and none of a command that is not there."""
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_an_example_is_taken_by_its_command(path: str) -> None:
    """The words of an example are arguments and options that the command has."""
    words = shlex.split(EXAMPLES[path].partition(" < ")[0])[len(path.split()) :]

    context = COMMANDS[path].make_context(path, words)

    assert context.params


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_help_shows_the_example_and_no_type_of_python(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command's help holds its example; values are words in capitals, flags have none."""
    code = run([*path.split()[1:], "--help"])

    shown = capsys.readouterr().out
    assert code == 0
    assert f"Example:\n  {EXAMPLES[path]}\n" in shown
    assert not re.search(r"<[a-z]|\{[a-z]+\}", shown.partition("With --json")[0])


def test_a_default_that_is_kept_elsewhere_is_the_one_in_the_help() -> None:
    """The command line loads no thinking for its help: the number stands there, and is held here."""
    cooldown = next(one for one in COMMANDS["anabranch worker"].params if "--cooldown" in one.opts)

    assert str(cooldown.help).endswith(f"; {WINDOW_S:g} without it.")


def test_what_takes_a_few_words_completes_them() -> None:
    """Each option whose help lists its values is completed with these, in every command."""
    listed = {
        f"{path} {option.name}": (path, option)
        for path, command in COMMANDS.items()
        for option in command.params
        if re.fullmatch(r"[a-z]+(\|[a-zN]+)+", str(option.metavar))
    }

    completed = {
        name: {
            one.value
            for one in option.shell_complete(COMMANDS[path].context_class(COMMANDS[path]), "")
        }
        for name, (path, option) in listed.items()
    }

    assert completed == {
        name: set(option.metavar.split("|")) - {"N"} for name, (_, option) in listed.items()
    }
    assert {"anabranch think priority", "anabranch think join"} <= set(completed)


def test_help_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`help COMMAND` says what `COMMAND --help` says, also of a group and of all."""
    said: list[str] = []
    for words in (["help", "session", "open"], ["session", "open", "--help"], ["help"], ["--help"]):
        assert run(words) == 0
        said.append(capsys.readouterr().out)

    assert (said[0], said[2]) == (said[1], said[3])


def test_a_short_option_means_one_thing() -> None:
    """Each short option stands for one long option, whatever the command."""
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for one in COMMANDS.values():
        for parameter in one.params:
            short = [name for name in parameter.opts if not name.startswith("--")]
            long = [name for name in parameter.opts if name.startswith("--")]
            for name in short if parameter.param_type_name == "option" else ():
                meanings[name].update(long)

    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recall", "x", "-k", "many"], "Invalid value for '-k': must be a whole number"),
        (["up", "--http", "web"], "Invalid value for '--http': must be a whole number"),
        (["think", "x", "--timeout", "soon"], "Invalid value for '--timeout': must be a number"),
        (["conflicts", "list", "--limit", "0"], "Invalid value for '--limit': must be at least 1"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_in_our_words(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option and its rule are named, and nothing is said of adapters and parsing."""
    code = run(words)

    first, *_ = capsys.readouterr().err.splitlines()
    assert (code, first) == (2, f"UsageInvalid: {message}")
