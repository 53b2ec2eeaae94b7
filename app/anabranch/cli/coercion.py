"""Values of the command line, taken quickly where they are clear.

Typer reads each value by a pydantic adapter, and to import pydantic takes longer than most
commands. A value that is clear gives the same without; every other one goes Typer's own way.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_UNCLEAR: Final = object()

# Typer's parameters and contexts are private: Any.


def take_quickly(parameters: Iterable[Any]) -> None:
    """Have each parameter take what is clear without an adapter."""
    for parameter in parameters:
        if hasattr(parameter, "get_runtime_param"):
            quick = _QuickParameter(parameter, parameter.get_runtime_param)
            parameter.get_runtime_param = quick.itself


class _QuickParameter:
    """The coercion of one parameter, with Typer's own behind it."""

    def __init__(self, parameter: Any, own: Callable[[], Any]) -> None:
        self._annotation = parameter.type_descriptor.annotation
        self._rules = parameter.type_descriptor.parameter_info
        self._own = own

    def itself(self) -> _QuickParameter:
        """Return this one, where Typer makes a parameter that runs."""
        return self

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        """Return the value as the command takes it."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if self._annotation == list[str]:
            clear = isinstance(value, list | tuple) and all(type(one) is str for one in value)
            found = value if clear else _UNCLEAR
        else:
            found = _clear(value, self._annotation, self._rules)
        return self._own().coerce(value, param=param, ctx=ctx) if found is _UNCLEAR else found


def _clear(value: Any, kind: Any, rules: Any) -> Any:
    if kind is str and type(value) is str:
        return value
    if rules.min is not None or rules.max is not None:
        return _UNCLEAR
    if kind in {int, float} and type(value) is kind:
        return value
    if type(value) is not str:
        return _UNCLEAR
    if kind is int and _WHOLE.fullmatch(value):
        return int(value)
    if kind is float and _DECIMAL.fullmatch(value):
        return float(value)
    if kind is Path and not (rules.exists or rules.resolve_path or rules.writable):
        either = rules.file_okay and rules.dir_okay
        there = os.path.exists(value)  # noqa: PTH110  As it was written.
        if either and value and "\0" not in value and (os.access(value, os.R_OK) or not there):
            return Path(value)
    return _UNCLEAR
