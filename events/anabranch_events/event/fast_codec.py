"""The fast codec: events in our own spelling, checked by the same rules in a third of the time.

Nothing in a stored message proves who wrote it, so nothing is read on trust. Sealed parts are an
exception: only those write them who have the keys. A document in Anabranch's own spelling needs
fewer checks: msgspec reads types, numbers and lengths in one pass. Ids, names and texts are left. A
document in another spelling may be valid too: it is left to pydantic, which also words the
complaint about an invalid one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
import orjson
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, TypeAdapter

from anabranch_events.event.identifiers import (
    NAME_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    GivenMoment,
    Identifier,
    Moment,
    Name,
    Namespace,
    Text,
    checked_namespace,
    checked_text,
    is_canonical_uuid,
)
from anabranch_events.event.types import EventData, Facts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

E = TypeVar("E", bound=BaseModel)
Check: TypeAlias = Callable[[Any], Any]
"""Returns the value of a field for what msgspec read, or raises one of `REFUSALS`."""

_KNOWN_MAX: Final = 4096
_RULES: Final = (Ge, Le, MinLen, MaxLen)
_JSON: Final[Any] = Literal["application/json"] | None
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{3}(?:000)?)?Z"
)
_SOME: Final = Annotated[str, msgspec.Meta(min_length=1)]
_NAME: Final = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
_TEXT: Final = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LENGTH_MAX)]
_INT_MAX: Final = 2**63 - 1
_BACKSLASH, _DEL, _C1_LEAD = b"\\\x7f\xc2"


class NotCanonical(ValueError):
    """The value is not in Anabranch's own spelling: it may be valid, or not."""


REFUSALS: Final = (ValueError, RecursionError)
"""The exceptions for documents that the fast codec is not made for; msgspec's are ValueErrors."""


class _Field(NamedTuple):
    """The reading of one field: the type for msgspec, and the checks that follow.

    Where `holds` is false the value has another spelling; `check` comes after it. Both apply to
    each of `many` values.
    """

    read_as: Any
    check: Check | None = None
    holds: Callable[[Any], object] | None = None
    many: bool = False

    def lines(self, name: str) -> list[str]:
        """Return the source lines that check it. An empty value needs none."""
        found: list[str] = []
        if self.holds:
            held = f"all(map(holds_{name}, {name}))" if self.many else f"holds_{name}({name})"
            found.append(f" if {name} and not {held}: raise otherwise")
        if self.check:
            made = f"tuple(map(check_{name}, {name}))" if self.many else f"check_{name}({name})"
            found.append(f" if {name}: {name} = {made}")
        return found


Readings: TypeAlias = tuple[tuple[Any, _Field], ...]
"""The readings of fields by their type."""


def is_plain(document: bytes) -> bool:
    """Tell whether every character of every string in a JSON document is one a text may hold.

    JSON has control characters and lone surrogates only as escapes. Beside them `checked_text`
    refuses DEL, and U+0080 to U+009F, which UTF-8 begins with 0xC2. Some good documents are not
    plain.
    """
    return not (_BACKSLASH in document or _DEL in document or _C1_LEAD in document)


class Decoder(NamedTuple, Generic[E]):
    """The two steps of decoding a document; each may raise one of `REFUSALS`."""

    read: Callable[[bytes], Any]
    make: Callable[[Any], E]


def event_decoder(envelope: type[E], data: type[EventData], *, plain: bool) -> Decoder[E]:
    """Return the decoder for documents of one type of event: plain ones, or all."""
    known = _PLAIN if plain else _KNOWN
    return _decoder(envelope, data, known, _facts(data, known))


def vouched_event_decoder(
    envelope: type[E], data: type[EventData], *, outside: Collection[str]
) -> Decoder[E]:
    """Return the decoder for documents of one type of event that a cipher vouches for.

    All that it vouches for was checked before it was sealed. The members of the data `outside` of
    that are checked, as those of plain documents.
    """
    return _decoder(envelope, data, _VOUCHED, _facts(data, _VOUCHED, outside=outside))


def _decoder(
    envelope: type[E], data: type[EventData], known: Readings, facts: _Field
) -> Decoder[E]:
    fields = {
        **_fields_of(envelope, known, besides={"type", "data"}),
        "type": _Field(cast("Any", Literal)[data.event_type]),
        "data": facts,
    }
    around = [("specversion", Literal["1.0"]), ("datacontenttype", _JSON, None)]
    decoder = msgspec.json.Decoder(_struct(envelope, fields, around))
    return Decoder(decoder.decode, _maker(envelope, fields))


def _facts(made: type[Facts], known: Readings, *, outside: Collection[str] = ()) -> _Field:
    validators = [*made.__pydantic_decorators__.model_validators.values()]
    if any(each.info.mode != "after" for each in validators):
        return _thorough(made)
    fields = _fields_of(made, known)
    if outside:
        plain = _fields_of(made, _PLAIN)
        fields |= {name: plain[name] for name in outside}
    return _Field(_struct(made, fields), _maker(made, fields, [each.func for each in validators]))


def _fields_of(
    made: type[BaseModel], known: Readings, besides: AbstractSet[str] = frozenset()
) -> dict[str, _Field]:
    hints = get_type_hints(made, include_extras=True)
    return {name: _field(hints[name], known) for name in made.model_fields if name not in besides}


def _struct(
    made: type[BaseModel], fields: Mapping[str, _Field], around: Sequence[Any] = ()
) -> type[msgspec.Struct]:
    """Return msgspec's struct for a class. Defaults that are mutable must be given there."""
    members: list[Any] = [*around]
    for name, found in made.model_fields.items():
        read_as = fields[name].read_as
        optional = not found.is_required() and not isinstance(found.default, dict)
        members.append((name, read_as, found.default) if optional else (name, read_as))
    return msgspec.defstruct(
        made.__name__, members, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _maker(
    made: type[BaseModel], fields: Mapping[str, _Field], validators: Sequence[Check] = ()
) -> Check:
    """Return a constructor from the values read; all fields of its instances count as given.

    `validators` look at the whole instance, and return it or raise one of `REFUSALS`.

    It is compiled, as dataclasses are: loops over fields cost more than their checks. An empty
    value needs no check: None and tuples may be empty, and msgspec takes no empty text.
    """
    names = list(made.model_fields)
    checks: dict[str, Any] = {f"validate_{at}": each for at, each in enumerate(validators)}
    checks |= {f"check_{name}": field.check for name, field in fields.items() if field.check}
    checks |= {f"holds_{name}": field.holds for name, field in fields.items() if field.holds}
    source = [
        "def make(read):",
        *(f" {name} = read.{name}" for name in names),
        *(line for name in names for line in fields[name].lines(name)),
        " instance = new(made)",
        f" set_values(instance, {{{', '.join(f'{name!r}: {name}' for name in names)}}})",
        " set_given(instance, given)",
        f" set_extra(instance, {_extra_of(made)})",
        " set_private(instance, None)",
        *(f" instance = validate_{at}(instance)" for at in range(len(validators))),
        " return instance",
    ]
    scope: dict[str, Any] = {
        **checks,
        "otherwise": NotCanonical,
        "made": made,
        "new": object.__new__,
        "given": set(names),  # Shared: instances never change, and a copy copies it.
        "set_values": BaseModel.__dict__["__dict__"].__set__,
        "set_given": BaseModel.__dict__["__pydantic_fields_set__"].__set__,
        "set_extra": BaseModel.__dict__["__pydantic_extra__"].__set__,
        "set_private": BaseModel.__dict__["__pydantic_private__"].__set__,
    }
    exec("\n".join(source), scope)  # noqa: S102 - of names of fields, and nothing that was read
    return cast("Check", scope["make"])


def _extra_of(made: type[BaseModel]) -> str:
    """Return the source of the value that pydantic has for no unknown fields."""
    return "{}" if made.model_config.get("extra") == "allow" else "None"


def _field(hint: Any, known: Readings) -> _Field:
    """Return the reading of a field by its type; an unknown type is read by pydantic."""
    for type_, field in known:
        if hint == type_:
            return field
    if isinstance(hint, type) and issubclass(hint, Facts):
        return _facts(hint, known)
    if isinstance(hint, type) and issubclass(hint, bool | StrEnum):
        return _Field(hint)
    inner, *more = get_args(hint) or (None,)
    if get_origin(hint) is tuple and more == [...]:
        found = _field(inner, known)
        read_as: Any = found.read_as
        if found.many:
            return _thorough(hint)
        return found._replace(read_as=tuple[read_as, ...], many=True)
    if get_origin(hint) in {Union, UnionType} and more == [NoneType]:
        return _optional(hint, _field(inner, known))
    rules = [rule for field in more for rule in getattr(field, "metadata", [field])]
    if get_origin(hint) is not Annotated or not all(isinstance(rule, _RULES) for rule in rules):
        return _thorough(hint)
    bounds: dict[str, Any] = {name: value for rule in rules for name, value in asdict(rule).items()}
    if inner in {int, float}:
        bounds.setdefault("le", _INT_MAX if inner is int else sys.float_info.max)
        return _Field(Annotated[inner, msgspec.Meta(**bounds)])
    found = _field(inner, known)
    return found._replace(read_as=Annotated[found.read_as, msgspec.Meta(**bounds)])


def _optional(hint: Any, inner: _Field) -> _Field:
    """Return the reading of a field that may be None; what is left to pydantic is left whole."""
    if inner.read_as is msgspec.Raw:
        return _thorough(hint)
    return inner._replace(read_as=inner.read_as | None)


def _thorough(hint: Any) -> _Field:
    """Return a field that msgspec leaves alone, and pydantic reads."""
    adapter = TypeAdapter[Any](hint, config=None if isinstance(hint, type) else Facts.model_config)

    def check(value: Any) -> Any:
        if type(value) is not msgspec.Raw:
            return value  # the default
        return adapter.validate_python(orjson.loads(memoryview(value)))

    return _Field(msgspec.Raw, check)


@lru_cache(maxsize=_KNOWN_MAX)
def _name(value: str) -> str:
    """Return a checked name; the same agents, tags, kinds and entities come again and again."""
    return checked_text(value)


_namespace = lru_cache(maxsize=_KNOWN_MAX)(checked_namespace)


_KNOWN: Final[Readings] = (
    (Identifier, _Field(_SOME, holds=is_canonical_uuid)),
    (Moment, _Field(_SOME, datetime.fromisoformat, holds=_MOMENT.fullmatch)),
    (GivenMoment, _Field(_SOME, datetime.fromisoformat, holds=_MOMENT.fullmatch)),
    (Name, _Field(_NAME, _name)),
    (Namespace, _Field(_SOME, _namespace)),
    (Text, _Field(_TEXT, checked_text)),
)
# A plain text may still be nothing but white space.
_PLAIN: Final[Readings] = (
    (Name, _Field(_NAME, holds=str.strip)),
    (Text, _Field(_TEXT, holds=str.strip)),
    *_KNOWN,
)
_VOUCHED: Final[Readings] = (
    (Identifier, _Field(_SOME)),
    (Moment, _Field(datetime)),
    (GivenMoment, _Field(datetime)),
    (Name, _Field(_NAME)),
    (Namespace, _Field(_SOME)),
    (Text, _Field(_TEXT)),
)
