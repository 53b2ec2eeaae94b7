"""The roles file: the roles that a user defines, instead of the presets.

A table a role, whose name is the table's::

    [skeptic]
    instructions = "Doubt each claim, and say which fact would refute it."
    angles = ["The weakest claim here: {task}"]
    priority = "high"
    labels = ["gpu"]
    scope = "thought"

A table with the name of a preset is that preset, with what the table says in place of its own.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from anabranch_events.errors import InputInvalid
from anabranch_events.event.complaint import input_invalid
from anabranch_events.event.identifiers import Name, checked_text
from anabranch_events.event.types import Labels, Priority
from anabranch_recall import Scope
from anabranch_thinking import PRESETS, ROLES, Role
from anabranch_thinking.roles import PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence

BYTES_MAX: Final = 1024 * 1024
ROLES_MAX: Final = 100
INSTRUCTIONS_LENGTH_MAX: Final = 8_000
ANGLES_MAX: Final = 100
ANGLE_LENGTH_MAX: Final = 1_000

_Words = Annotated[str, AfterValidator(checked_text)]


def _with_its_place(angle: str) -> str:
    if PLACE not in angle:
        raise ValueError(f"does not say {PLACE}, where the task goes")
    return angle


_Angle = Annotated[_Words, Field(max_length=ANGLE_LENGTH_MAX), AfterValidator(_with_its_place)]


_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)


class _Table(BaseModel):
    """A role's table; what it leaves out is the preset's, or usual."""

    model_config = ConfigDict(extra="forbid")
    instructions: Annotated[_Words, Field(max_length=INSTRUCTIONS_LENGTH_MAX)]
    angles: Annotated[tuple[_Angle, ...], Field(min_length=1, max_length=ANGLES_MAX)]
    priority: Priority | None = None
    scope: Scope = Scope.NAMESPACE
    labels: Labels = ()


class RoleView(BaseModel):
    """A role in a list; `preset` tells whether it is one that nothing was changed of."""

    model_config = ConfigDict(frozen=True)
    name: str
    instructions: str
    angles: tuple[str, ...]
    priority: Priority | None
    scope: Scope
    labels: tuple[str, ...]
    preset: bool


def roles_of(given: Sequence[Role] | Path | str | None, *, usual: Path | None) -> Sequence[Role]:
    """Return the roles given, or those of a file; else of the usual file, else the presets.

    Raises InputInvalid naming the file, and the line or key to correct.
    """
    if given is None:
        return ROLES if usual is None else read_roles(usual)
    return read_roles(Path(given)) if isinstance(given, Path | str) else given


def read_roles(path: Path) -> list[Role]:
    """Return the roles that a file defines, in its order.

    Raises InputInvalid naming the file, and the line or key to correct.
    """
    tables = _tables(path)
    if not 1 <= len(tables) <= ROLES_MAX:
        raise InputInvalid(
            f"roles: {path} defines {len(tables)} roles",
            field="roles",
            fix=f"define 1 to {ROLES_MAX}, a table each, as docs/how-to/define-roles.md shows",
        )
    return [_role(path, name, table) for name, table in tables.items()]


def known_roles(given: Path | None, *, usual: Path | None) -> list[RoleView]:
    """Return the roles of a file, or of the usual one, and the presets that it leaves as they are.

    Raises InputInvalid as `read_roles` does.
    """
    file = usual if given is None else given
    own = [] if file is None else read_roles(file)
    named = {role.name for role in own}
    left = [role for role in PRESETS if role.name not in named]
    return [RoleView(**asdict(role), preset=role in PRESETS) for role in (*own, *left)]


def _tables(path: Path) -> dict[str, Any]:
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(BYTES_MAX + 1)
        if len(text) > BYTES_MAX:
            raise InputInvalid(
                f"roles: {path} has more than {BYTES_MAX} bytes",
                field="roles",
                fix="name a file of roles, a table each",
            )
        return tomllib.loads(text.decode())
    except OSError as error:
        raise InputInvalid(
            f"roles: {path} cannot be read: {error.strerror or error}",
            field="roles",
            fix="name a file that is there and that you may read",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputInvalid(
            f"roles: {path} is not TOML: {error}",
            field="roles",
            fix="write a table a role, as docs/how-to/define-roles.md shows",
        ) from error


def _role(path: Path, name: str, table: Any) -> Role:
    if not isinstance(table, dict):
        raise _invalid(path, name, "is not a table", f"write [{name}], and below it instructions")
    if "name" in table:
        raise _invalid(
            path, f"{name}.name", "a role is named by its table", f"take it out: [{name}] names it"
        )
    preset = next((one for one in PRESETS if one.name == name), None)
    base = Role(name, "") if preset is None else preset
    usual: dict[str, Any] = {
        name: getattr(base, name) for name in ("angles", "priority", "scope", "labels")
    }
    if preset is not None:
        usual["instructions"] = preset.instructions
    place: tuple[str, ...] = ("roles",)
    try:
        _NAME.validate_python(name)
        place = ("roles", name)
        found = _Table.model_validate({**usual, **table})
    except ValidationError as error:
        told = input_invalid(error, whole=name, known=_Table.model_fields, within=place)
        raise InputInvalid(f"{path}: {told.message}", field=told.field, fix=told.fix) from error
    return replace(base, **dict(found))


def _invalid(path: Path, key: str, problem: str, fix: str) -> InputInvalid:
    return InputInvalid(f"roles: {path}: {key}: {problem}", field=f"roles.{key}", fix=fix)
