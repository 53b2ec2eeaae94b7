"""The roles file: roles are read with what the presets say, and each wrong field is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch.memory.thinking.roles_file import known_roles, read_roles, roles_of
from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import Priority
from anabranch_recall import Scope
from anabranch_thinking import PRESETS, ROLES, BranchTask, Role
from anabranch_thinking.sessions.carried import Carried, carried
from anabranch_thinking.thoughts.think import branch_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = """
[skeptic]
instructions = "Doubt each claim."
angles = ["The weakest claim in {task}", "Who says {task}?"]
priority = "high"
scope = "thought"

["devil's advocate"]
instructions = "Speak against it."

[focus]
priority = "critical"
"""
SKEPTIC = Role(
    "skeptic",
    "Doubt each claim.",
    ("The weakest claim in {task}", "Who says {task}?"),
    Priority.HIGH,
    Scope.THOUGHT,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write the roles file."""
    path = tmp_path / "roles.toml"
    path.write_text(FILE)
    return path


def test_roles_are_read_in_their_order(path: Path) -> None:
    """A table is a role, one of a preset's name is that preset but for what it says."""
    found = read_roles(path)

    assert found[:2] == [SKEPTIC, Role("devil's advocate", "Speak against it.")]
    assert found[2].priority is Priority.CRITICAL
    assert (found[2].instructions, found[2].angles) == (ROLES[0].instructions, ROLES[0].angles)


def test_the_file_given_goes_before_the_usual_one(path: Path) -> None:
    """Without a file there are the presets; roles that are given as such stay."""
    assert roles_of(None, usual=None) is ROLES
    assert roles_of(None, usual=path) == roles_of(str(path), usual=path.with_name("none"))
    assert roles_of([SKEPTIC], usual=path) == [SKEPTIC]
    assert [(one.name, one.preset) for one in known_roles(path, usual=None)] == [
        ("skeptic", False),
        ("devil's advocate", False),
        ("focus", False),
        *((one.name, True) for one in PRESETS[1:]),
    ]


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("", "roles", "defines 0 roles"),
        ("[a]\ninstructions = x", "roles", "line 2"),
        ("a = 1", "roles.a", "is not a table"),
        ("[a]", "roles.a.instructions", "required"),
        ('[a]\ninstructions = " "', "roles.a.instructions", "is empty"),
        ('[a]\ninstructions = "x"\nscope = "all"', "roles.a.scope", "'session', 'lineage'"),
        ('[a]\ninstructions = "x"\nlabels = ["g p u"]', "roles.a.labels.0", "is not a label"),
        ('[a]\ninstructions = "x"\npriority = 1', "roles.a.priority", "'critical', 'high'"),
        ('[a]\ninstructions = "x"\nangles = []', "roles.a.angles", "at least 1"),
        ('[a]\ninstructions = "x"\nangles = ["y"]', "roles.a.angles.0", "does not say {task}"),
        ('[focus]\nangle = ["{task}"]', "roles.focus.angle", "is not known"),
        ('[a]\nname = "b"', "roles.a.name", "named by its table"),
        ('[" "]\ninstructions = "x"', "roles. ", "is empty"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str, field: str, said: str) -> None:
    """The error names the file, and the line or the key."""
    path = tmp_path / "roles.toml"
    path.write_text(text)

    with pytest.raises(InputInvalid, match=r"roles\.toml") as raised:
        read_roles(path)

    assert raised.value.field == field
    assert said in raised.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is a folder, what is not text, and what is far too long."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"#" * (1024 * 1024 + 1))

    for name in ("none", ".", "binary", "long"):
        with pytest.raises(InputInvalid) as raised:
            read_roles(tmp_path / name)
        assert str(tmp_path / name) in raised.value.message


def test_branches_carry_a_role_of_ones_own() -> None:
    """A preset is known by its name; another role is in the attributes, and the user's stay."""
    tasks = branch_tasks(
        "plan",
        branches=["a", "b", BranchTask(task="c", role="focus", attributes={"x": 1})],
        count=None,
        roles=[SKEPTIC, Role("focus", "Look closely.")],
    )

    assert [(one.role, one.priority, carried(one.attributes)) for one in tasks] == [
        ("skeptic", Priority.HIGH, Carried("Doubt each claim.", Scope.THOUGHT)),
        ("focus", Priority.NORMAL, Carried("Look closely.", Scope.NAMESPACE)),
        ("focus", Priority.NORMAL, Carried("Look closely.", Scope.NAMESPACE)),
    ]
    assert tasks[2].attributes["x"] == 1
    presets = branch_tasks("plan", branches=None, count=None)
    assert [one.attributes for one in presets] == [{}] * len(ROLES)


def test_a_priority_that_is_given_goes_before_the_roles() -> None:
    """The branch's own goes before the thought's, and that before the role's."""
    tasks = branch_tasks(
        "plan",
        branches=["a", BranchTask(task="b", priority=Priority.LOW)],
        count=None,
        priority=Priority.CRITICAL,
        roles=[SKEPTIC],
    )
    named = branch_tasks("plan", branches=[BranchTask(task="a", role="background")], count=None)

    assert [one.priority for one in (*tasks, *named)] == ["critical", "low", "low"]


def test_labels_that_are_given_go_before_the_roles(tmp_path: Path) -> None:
    """The branch's own go before the thought's, and those before the role's; none is an answer."""
    path = tmp_path / "roles.toml"
    path.write_text('[trainer]\ninstructions = "Train."\nlabels = ["gpu", "region=eu"]')
    roles = read_roles(path)
    branches: list[BranchTask | str] = [
        "a",
        BranchTask(task="b", labels=("tpu",)),
        BranchTask(task="c", labels=()),
    ]

    of_role = branch_tasks("plan", branches=branches, count=None, roles=roles)
    given = branch_tasks("plan", branches=branches, count=None, labels=["eu"], roles=roles)
    none = branch_tasks("plan", branches=["a"], count=None, labels=[], roles=roles)

    assert [one.labels for one in of_role] == [("gpu", "region=eu"), ("tpu",), ()]
    assert [one.labels for one in (*given, *none)] == [("eu",), ("tpu",), (), ()]


@pytest.mark.parametrize(
    ("labels", "said"),
    [("gpu", "is a text"), (["g,u"], "not a label"), (["x"] * 17, "at most 16"), ([" "], "label")],
)
def test_labels_that_cannot_be_are_refused(labels: Sequence[str], said: str) -> None:
    """A text is no list of letters; the field is named."""
    with pytest.raises(InputInvalid, match=said) as raised:
        branch_tasks("plan", branches=None, count=None, labels=labels)
    assert (raised.value.field or "").startswith("labels")


def test_angles_of_ones_own_take_turns() -> None:
    """Each role goes through its own angles; a brace in one is a brace."""
    braces = Role("braces", "x", ("{task} in {x}",))

    tasks = branch_tasks("the plan", branches=None, count=6, roles=[SKEPTIC, braces])

    assert [one.task for one in tasks] == [
        "The weakest claim in the plan",
        "the plan in {x}",
        "Who says the plan?",
        "the plan in {x} (with an eye on plan)",
        "The weakest claim in the plan (with an eye on plan)",
        "the plan in {x} (with an eye on plan)",
    ]


@pytest.mark.parametrize("attributes", [{"role_instructions": 1}, {"role_scope": "all"}])
def test_what_a_branch_cannot_carry_is_refused(attributes: dict[str, object]) -> None:
    """Branches come from any producer: a wrong attribute is an error that names it."""
    with pytest.raises(InputInvalid) as raised:
        carried(attributes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # It is JSON.

    assert raised.value.field == next(iter(attributes))
