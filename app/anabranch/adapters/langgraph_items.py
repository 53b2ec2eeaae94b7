"""LangGraph's items as JSON: their text for recall, filters, and conditions on namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import JsonValue

_ORDERED: Final = {"$gt": (1,), "$gte": (0, 1), "$lt": (-1,), "$lte": (-1, 0)}
_OPERATORS: Final = ("$eq", "$ne", *_ORDERED)


def text_of(value: Mapping[str, JsonValue]) -> str:
    """Return an item as text: `food: pizza; rating: 5`, or a single text alone."""
    leaves = [(path, text) for path, text in _leaves(value) if text.strip()]
    if len(leaves) == 1:
        return leaves[0][1]
    return "; ".join(f"{path}: {text}" for path, text in leaves)


def _leaves(
    value: JsonValue | Mapping[str, JsonValue], path: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield each field with its text; those without a value are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        if all(isinstance(one, dict | list) for one in value):
            for one in value:
                yield from _leaves(one, path)
        else:
            yield path, ", ".join(text for one in value for _, text in _leaves(one))
    elif value is not None:
        yield path, str(value)


def matches(value: Mapping[str, JsonValue], wanted: Mapping[str, JsonValue]) -> bool:
    """Say whether an item passes a filter, as LangGraph's own stores read it."""
    return all(_equals(value.get(key), one) for key, one in wanted.items())


def _equals(value: JsonValue, wanted: JsonValue) -> bool:
    if isinstance(wanted, dict):
        if any(key.startswith("$") for key in wanted):
            return all(_compares(value, operator, one) for operator, one in wanted.items())
        return isinstance(value, dict) and matches(value, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_equals(one, other) for one, other in zip(value, wanted, strict=True))
        )
    return value == wanted


def _compares(value: JsonValue, operator: str, wanted: JsonValue) -> bool:
    """Compare by an operator; a field that is no number is neither above nor below one."""
    if operator == "$eq":
        return value == wanted
    if operator == "$ne":
        return value != wanted
    if operator not in _ORDERED:
        raise InputInvalid(
            f"filter: there is no operator {operator!r}",
            field="filter",
            fix=f"use one of {', '.join(_OPERATORS)}",
        )
    try:
        one, other = float(value), float(wanted)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # Anything but a number is caught.
    except (TypeError, ValueError):
        return False
    return (one > other) - (one < other) in _ORDERED[operator]


def begins(path: Sequence[str], prefix: Sequence[str]) -> bool:
    """Say whether a namespace begins with `prefix`, in which `*` stands for any label."""
    return len(path) >= len(prefix) and all(
        wanted in {"*", label} for label, wanted in zip(path, prefix, strict=False)
    )
