"""Imports of each command: a start costs as much as it needs, and no more."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import pytest
from typer import Typer

from anabranch.cli import commands
from anabranch.cli.application import Commands

SLOW: Final = frozenset(
    {
        "asyncio",
        "faststream",
        "httpx2",
        "msgspec",
        "nats",
        "neo4j",
        "numpy",
        "onnxruntime",
        "orjson",
        "pydantic",
        "pydantic_settings",
        "pygments",
        "rich",
        "tokenizers",
        "typer",
    }
)
LIGHT: Final = (
    "anabranch",
    "anabranch.errors",
    "anabranch_events",
    "anabranch_events.errors",
    "anabranch_recall",
    "anabranch_store",
    "anabranch_store.errors",
    "anabranch_thinking",
    "anabranch_thinking.errors",
)


def loaded_by(script: str) -> set[str]:
    """Return the names of the modules that a process of its own holds after `script`."""
    tell = "import sys; print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", f"{script}\n{tell}"], capture_output=True, text=True, check=True
    )
    return set(ran.stderr.split())


def defined() -> list[str]:
    """Return the names of the commands that the modules of `cli.commands` define."""
    modules = [
        import_module(f"{commands.__name__}.{one.name}") for one in iter_modules(commands.__path__)
    ]
    nouns = [one for module in modules for one in vars(module).values() if isinstance(one, Typer)]
    return sorted(one.name or "" for noun in nouns for one in noun.registered_commands)


@pytest.mark.parametrize("name", LIGHT)
def test_a_part_loads_nothing_until_it_is_used(name: str) -> None:
    """To import a part, or its errors, imports none of the libraries that are slow to import."""
    found = loaded_by(f"import {name}")

    assert found & SLOW == set()


def test_a_memory_loads_no_graph_and_no_model() -> None:
    """To import `Memory` imports no driver, no model and no arrays: they come when one is opened."""
    found = loaded_by("from anabranch import Memory")

    heavy = {"faststream", "httpx2", "neo4j", "numpy", "onnxruntime", "rich", "tokenizers"}
    assert found & heavy == set()


def test_help_loads_typer_alone() -> None:
    """`anabranch --help` imports Typer, and nothing else that is slow to import."""
    found = loaded_by("from anabranch.cli import run; assert run(['--help']) == 0")

    assert found & SLOW == {"typer"}


def test_the_version_loads_nothing() -> None:
    """`anabranch --version` does not even import Typer."""
    found = loaded_by(
        "import sys; sys.argv = ['anabranch', '--version']; from anabranch.cli import main; main()"
    )

    assert found & SLOW == set()


def test_a_command_loads_no_other() -> None:
    """The help of a command imports the module that defines it, and that of no other command."""
    found = loaded_by("from anabranch.cli import run; assert run(['recall', '--help']) == 0")

    inside = f"{commands.__name__}."
    assert {name for name in found if name.startswith(inside)} == {f"{inside}recall"}


def test_every_command_is_in_the_table() -> None:
    """The table, by which commands are found, leads to each that a module defines, and no other."""
    table = Commands(name="anabranch").commands

    found = [one for name, made in table.items() for one in getattr(made, "commands", {name: made})]

    assert sorted(found) == defined()
