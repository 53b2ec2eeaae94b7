"""The synchronous face: what its generator gives, and nothing less than the asynchronous one has."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from docs.generate_sync import LEFT_OUT, TARGET, sync_face

import anabranch.sync
from anabranch.memory.graph import MemoryGraph
from anabranch.memory.memory import Memory
from anabranch.memory.past import MemoryPast
from anabranch.memory.session import Session
from anabranch.memory.transfer import MemoryTransfer
from anabranch_projections import DeadLetters

CLASSES = (Memory, Session, MemoryGraph, MemoryPast, MemoryTransfer, DeadLetters)


def test_the_committed_file_is_what_the_generator_gives() -> None:
    """Whoever changes a signature or a docstring writes the file again."""
    committed = TARGET.read_text(encoding="utf-8")

    assert committed == sync_face(), "run `python docs/generate_sync.py`"


@pytest.mark.parametrize("owner", CLASSES)
def test_every_public_name_is_there_with_the_same_arguments(owner: type) -> None:
    """A method takes what its asynchronous twin takes, in the same order, and awaits nothing."""
    twin: Any = getattr(anabranch.sync, owner.__name__)
    names = [name for name in vars(owner) if not name.startswith("_") and name not in LEFT_OUT]

    assert [name for name in names if not hasattr(twin, name)] == []
    for name in names:
        one, other = getattr(owner, name), getattr(twin, name)
        if callable(one):
            parameters = list(inspect.signature(one).parameters.values())
            assert list(inspect.signature(other).parameters.values()) == parameters, name
            assert not inspect.iscoroutinefunction(other)
            assert other.__doc__
