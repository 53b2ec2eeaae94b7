"""Every command line in the docs is one that `anabranch` takes."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer.main

from anabranch.cli.application import application
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED: Final = re.compile(r"(?:^    \S.*\n)+", re.MULTILINE)
SPAN: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")
FOREIGN: Final = {"--help", "--version"}
COMMANDS: Final[Any] = typer.main.get_command(application)  # Typer's own classes are private.


def printed(page: Path) -> Iterator[str]:
    """Yield what a reader would type: blocks of shell, and spans that begin with the command."""
    text = page.read_text(encoding="utf-8")
    yield from (body for language, body in FENCED.findall(text) if language in {"sh", "bash"})
    rest = FENCED.sub("", text)
    yield from (one for one in INDENTED.findall(rest) if "anabranch " in one)
    yield from (one for one in SPAN.findall(rest) if one.startswith("anabranch "))


def calls(shell: str) -> Iterator[list[str]]:
    """Yield the words of each call of `anabranch` in a text of shell."""
    text = re.sub(r"(?m)(^|\s)# .*$", "", shell).replace("\\\n", " ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|;&<>()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    for word in (*lexer, "\n"):
        if set(word) - set("|;&<>()\n"):
            if words or not re.match(r"[A-Z_]+=", word):
                words.append(word)
            continue
        if len(words) > 1 and words[0] == "anabranch":
            yield words[1:]
        words = []


def named(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the first words name, and the words behind."""
    found, rest = COMMANDS, list(words)
    while rest and rest[0] in below(found):
        found = below(found)[rest.pop(0)]
    return found, rest


@cache
def below(command: Any) -> dict[str, Any]:
    """Return the commands below one, by their names; each look imports them again."""
    found: dict[str, Any] = getattr(command, "commands", {})
    return found


def unknown(words: list[str]) -> list[str]:
    """Return the words that name no command, or no option of it or of all commands."""
    if words[0] == "help":
        words = words[1:]
    command, rest = named(
        [one for one in words if one not in {"-N", "--namespace", "NAME", "acme"}]
    )
    if below(command) and not getattr(command, "invoke_without_command", False):
        return [one for one in rest if not one.startswith("-")][:1]
    known = {*FOREIGN, "-N", "--namespace", "--home", "--json"}
    for one in command.params:
        known.update((*one.opts, *one.secondary_opts))
    return [
        one for one in rest if re.match(r"--?[a-z]", one) and one.partition("=")[0] not in known
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_are_there(page: Path) -> None:
    """Each names a command, and each of its options is one of that command's."""
    wrong = [
        f"anabranch {' '.join(words)}: {bad}"
        for shell in printed(page)
        for words in calls(shell)
        if (bad := unknown(words))
    ]

    assert wrong == []


def test_a_command_that_is_gone_is_found() -> None:
    """A command, a subcommand and an option that are not there are each told."""
    wrong = (
        "anabranch export\nX=$(anabranch session lst) # anabranch no\nanabranch recall x --tga y"
    )

    assert [unknown(words) for words in calls(wrong)] == [["export"], ["lst"], ["--tga"]]
