"""The fast codec: events in our own spelling, checked by the same rules in a third of the time.

Nothing in a stored message proves who wrote it, so nothing is read on trust. A document in
Anabranch's own spelling needs fewer checks: msgspec reads types, numbers and lengths in one pass.
Ids, names and texts are left. A document in another spelling may be valid too: it is left to
pydantic, which also words the complaint about an invalid one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType, NoneType, UnionType
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
_AROUND: Final[tuple[Any, ...]] = (
    ("specversion", Literal["1.0"]),
    ("datacontenttype", _JSON, None),
)
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


class SealedDecoder(NamedTuple, Generic[E]):
    """The steps of decoding a sealed document; each may raise one of `REFUSALS`.

    `read` refuses what says something outside the box. `read_box` takes the opened box, with braces
    around it: what it returns takes the place of the box. Then `make` is for any document, and
    `make_plain` for those where all of it is plain.
    """

    read: Callable[[bytes], Any]
    read_box: Callable[[bytes], Any]
    make: Callable[[Any], E]
    make_plain: Callable[[Any], E]


def event_decoder(envelope: type[E], data: type[EventData], *, plain: bool) -> Decoder[E]:
    """Return the decoder for documents of one type of event: plain ones, or all."""
    fields = _event_fields(envelope, data, plain=plain)
    decoder = msgspec.json.Decoder(_struct(envelope, fields, _AROUND))
    return Decoder(decoder.decode, _maker(envelope, fields))


def sealed_event_decoder(
    envelope: type[E], data: type[EventData], *, content: Collection[str], mark: str, box: str
) -> SealedDecoder[E] | None:
    """Return the decoder for documents of one type of event, whose `content` stands in one box.

    `mark` names the attribute that only sealed documents have, and `box` the member of the data.
    None for data that are left to pydantic.
    """
    validators = _validators(data)
    if validators is None:
        return None
    members = _fields_of(data, plain=True)
    said = {name: field for name, field in members.items() if name in content}
    outside = {name: field for name, field in members.items() if name not in content}
    read = _struct(data, outside, [(box, str)])
    whole = _struct(
        envelope,
        {**_event_fields(envelope, data, plain=True), "data": _Field(read)},
        [*_AROUND, (mark, str)],
    )

    def maker(*, plain: bool) -> Check:
        fields = _fields_of(data, plain=plain)
        make_data = _maker(data, fields, validators, places=dict.fromkeys(said, f"{box}."))
        around = _event_fields(envelope, data, plain=plain)
        return _maker(envelope, {**around, "data": _Field(read, make_data)})

    return SealedDecoder(
        msgspec.json.Decoder(whole).decode,
        msgspec.json.Decoder(_struct(data, said)).decode,
        maker(plain=False),
        maker(plain=True),
    )


def _event_fields(
    envelope: type[BaseModel], data: type[EventData], *, plain: bool
) -> dict[str, _Field]:
    return {
        **_fields_of(envelope, plain=plain, besides={"type", "data"}),
        "type": _Field(cast("Any", Literal)[data.event_type]),
        "data": _facts(data, plain=plain),
    }


def _facts(made: type[Facts], *, plain: bool) -> _Field:
    validators = _validators(made)
    if validators is None:
        return _thorough(made)
    fields = _fields_of(made, plain=plain)
    return _Field(_struct(made, fields), _maker(made, fields, validators))


def _validators(made: type[Facts]) -> list[Check] | None:
    """Return the checks of a whole instance; None for a class with others, left to pydantic."""
    validators = [*made.__pydantic_decorators__.model_validators.values()]
    if any(each.info.mode != "after" for each in validators):
        return None
    return [each.func for each in validators]


def _fields_of(
    made: type[BaseModel], *, plain: bool, besides: AbstractSet[str] = frozenset()
) -> dict[str, _Field]:
    hints = get_type_hints(made, include_extras=True)
    return {
        name: _field(hints[name], plain=plain) for name in made.model_fields if name not in besides
    }


def _struct(
    made: type[BaseModel], fields: Mapping[str, _Field], around: Sequence[Any] = ()
) -> type[msgspec.Struct]:
    """Return msgspec's struct for fields of a class. Mutable defaults must be given there."""
    members: list[Any] = [*around]
    for name, field in fields.items():
        found, read_as = made.model_fields[name], field.read_as
        optional = not found.is_required() and not isinstance(found.default, dict)
        members.append((name, read_as, found.default) if optional else (name, read_as))
    return msgspec.defstruct(
        made.__name__, members, kw_only=True, forbid_unknown_fields=True, gc=False
    )


def _maker(
    made: type[BaseModel],
    fields: Mapping[str, _Field],
    validators: Sequence[Check] = (),
    *,
    places: Mapping[str, str] = MappingProxyType({}),
) -> Check:
    """Return a constructor from the values read; all fields of its instances count as given.

    `validators` look at the whole instance, and return it or raise one of `REFUSALS`. `places`
    tells where the value of a field was read, if within another one.

    It is compiled, as dataclasses are: loops over fields cost more than their checks. An empty
    value needs no check: None and tuples may be empty, and msgspec takes no empty text.
    """
    names = list(made.model_fields)
    checks: dict[str, Any] = {f"validate_{at}": each for at, each in enumerate(validators)}
    checks |= {f"check_{name}": field.check for name, field in fields.items() if field.check}
    checks |= {f"holds_{name}": field.holds for name, field in fields.items() if field.holds}
    source = [
        "def make(read):",
        *(f" {name} = read.{places.get(name, '')}{name}" for name in names),
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


def _field(hint: Any, *, plain: bool) -> _Field:
    """Return the reading of a field by its type; an unknown type is read by pydantic."""
    for known, field in _PLAIN if plain else _KNOWN:
        if hint == known:
            return field
    if isinstance(hint, type) and issubclass(hint, Facts):
        return _facts(hint, plain=plain)
    if isinstance(hint, type) and issubclass(hint, bool | StrEnum):
        return _Field(hint)
    inner, *more = get_args(hint) or (None,)
    if get_origin(hint) is tuple and more == [...]:
        found = _field(inner, plain=plain)
        read_as: Any = found.read_as
        if found.many:
            return _thorough(hint)
        return found._replace(read_as=tuple[read_as, ...], many=True)
    if get_origin(hint) in {Union, UnionType} and more == [NoneType]:
        return _optional(hint, _field(inner, plain=plain))
    rules = [rule for field in more for rule in getattr(field, "metadata", [field])]
    if get_origin(hint) is not Annotated or not all(isinstance(rule, _RULES) for rule in rules):
        return _thorough(hint)
    bounds: dict[str, Any] = {name: value for rule in rules for name, value in asdict(rule).items()}
    if inner in {int, float}:
        bounds.setdefault("le", _INT_MAX if inner is int else sys.float_info.max)
        return _Field(Annotated[inner, msgspec.Meta(**bounds)])
    found = _field(inner, plain=plain)
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


_KNOWN: Final[tuple[tuple[Any, _Field], ...]] = (
    (Identifier, _Field(_SOME, holds=is_canonical_uuid)),
    (Moment, _Field(_SOME, datetime.fromisoformat, holds=_MOMENT.fullmatch)),
    (GivenMoment, _Field(_SOME, datetime.fromisoformat, holds=_MOMENT.fullmatch)),
    (Name, _Field(_NAME, _name)),
    (Namespace, _Field(_SOME, _namespace)),
    (Text, _Field(_TEXT, checked_text)),
)
# A plain text may still be nothing but white space.
_PLAIN: Final = (
    (Name, _Field(_NAME, holds=str.strip)),
    (Text, _Field(_TEXT, holds=str.strip)),
    *_KNOWN,
)
