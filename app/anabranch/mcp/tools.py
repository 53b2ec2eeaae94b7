"""Tools: a call of one is a request of its operation, and the answer shows what a model needs."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.errors import AnabranchError, ConflictNotFound, InputInvalid
from anabranch.mcp.tool_table import TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.mcp.access import Access
    from anabranch.mcp.caller import Caller
    from anabranch.mcp.own_sessions import OwnSessions
    from anabranch.mcp.tool_table import Instead, ToolSpec

_SPECS: Final = {spec.name: spec for spec in TOOLS}
_ENDING: Final = frozenset({"complete", "hand_off"})
_WRITING: Final = frozenset(
    {
        *("open_session", "branch", "remember", "note", "cite", "complete", "consolidate"),
        *("hand_off", "synthesise", "resolve_conflict"),
    }
)


@cache
def listed_tools() -> list[dict[str, Any]]:
    """Return every tool as its clients see it; `anabranch.mcp.schemas` makes the file."""
    found: list[dict[str, Any]] = orjson.loads(
        files("anabranch.mcp").joinpath("tools.json").read_bytes()
    )
    return found


class Tools:
    """Calls tools on a memory; `agent` is in whose name, where it is not the client's own."""

    def __init__(self, access: Access, sessions: OwnSessions, *, agent: str | None = None) -> None:
        self._access = access
        self._sessions = sessions
        self._agent = agent

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: Caller,
        *,
        number: str | int | None = None,
    ) -> dict[str, Any]:
        """Return the structured answer of a tool.

        `number` is the request's own: sent again under it, the request is the same. Raises
        InputInvalid for a tool or an argument that there is not, and what the operation raises.
        """
        spec = _SPECS.get(name)
        if spec is None:
            raise InputInvalid(
                f"name: there is no tool {name!r}",
                field="name",
                fix=f"use one of {', '.join(_SPECS)}",
            )
        given = _request(spec, arguments)
        instead = next((one for one in spec.instead if one.given in given), None)
        operation = spec.operation if instead is None else instead.operation
        if instead is None:
            _check_whole(spec, given)
        request = given if instead is None else _translated(given, instead)
        if operation in _WRITING:
            request["agent"] = self._agent or caller.name
        if instead is None:
            answer = await self._asked(spec, request, caller, number=number)
        else:
            key = self._sessions.request_key(number)
            try:
                answer = await self._access.run(operation, request, key=key)
            except AnabranchError as error:
                told = _of_argument(error, instead)
                if told is None:
                    raise
                raise told from error
        return {member: _shown(answer[member], keep) for member, keep in spec.answer.items()}

    async def _asked(
        self,
        spec: ToolSpec,
        request: dict[str, Any],
        caller: Caller,
        *,
        number: str | int | None,
    ) -> Mapping[str, Any]:
        sessions = self._sessions
        if spec.operation == "open_session":
            return await sessions.open(caller, request)
        if spec.operation == "branch":
            return await sessions.branch(caller, request)
        alone = spec.operation == "remember" and "session_id" not in request
        async with sessions.choosing if alone else nullcontext():
            own = sessions.only(caller) if alone else None
            if own is not None:
                request["session_id"] = own
            key = sessions.key(caller) if spec.keyed else sessions.request_key(number)
            answer = await self._access.run(spec.operation, request, key=key)
            if alone and own is None:
                sessions.opened(caller, answer["session_id"], "without a task")
        if spec.operation in _ENDING:
            sessions.ended(answer["session_id"])
        return answer


def _request(spec: ToolSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request that arguments stand for; an empty one that may be left out is."""
    for name in arguments:
        if name not in spec.fields:
            raise InputInvalid(
                f"{name}: {spec.name} has no such argument",
                field=name,
                fix=f"use {', '.join(spec.fields)}",
            )
    needed = next(one for one in listed_tools() if one["name"] == spec.name)["inputSchema"]
    return {
        name: value
        for name, value in arguments.items()
        if name in needed["required"] or value not in (None, "")
    }


def _check_whole(spec: ToolSpec, request: Mapping[str, Any]) -> None:
    """Check a call that is for no other operation. Raises InputInvalid.

    An argument that means nothing without another one is refused, and so is a call without any of
    those of which one must be given.
    """
    for one in spec.instead:
        for name in one.alone:
            if name in request:
                raise InputInvalid(
                    f"{name}: means nothing without {one.given}",
                    field=name,
                    fix=f"give {one.given} too, or leave {name} out",
                )
    if spec.one_of and request.keys().isdisjoint(spec.one_of):
        raise InputInvalid(
            f"{spec.one_of[0]}: none of {', '.join(spec.one_of)} is given",
            field=spec.one_of[0],
            fix="give one of them",
        )


def _translated(request: Mapping[str, Any], instead: Instead) -> dict[str, Any]:
    """Return the request of another operation that a call asks for. Raises InputInvalid."""
    for name, value in request.items():
        if name in instead.fixed:
            if value != instead.fixed[name]:
                raise InputInvalid(
                    f"{name}: with {instead.given} it is {instead.fixed[name]}",
                    field=name,
                    fix=f"say {instead.fixed[name]}, or leave {instead.given} out",
                )
        elif name not in instead.fields:
            raise InputInvalid(
                f"{name}: goes not together with {instead.given}",
                field=name,
                fix="give one of them",
            )
    return {
        its: _single(name, request[name], instead.given)
        for name, its in instead.fields.items()
        if name in request
    }


def _of_argument(error: AnabranchError, instead: Instead) -> InputInvalid | None:
    """Return an error about an argument that has another name in the operation, in its own name."""
    field, said, what = error.message.partition(":")
    if isinstance(error, ConflictNotFound):
        field, said, what = instead.fields[instead.given], ":", f" {error.message}"
    name = next((one for one, its in instead.fields.items() if its == field and said), field)
    if name not in instead.fixes:
        return None
    return InputInvalid(f"{name}:{what}", field=name, fix=instead.fixes[name])


def _single(name: str, value: Any, given: str) -> Any:
    """Return the one item of a list, or what is no list. Raises InputInvalid."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise InputInvalid(
            f"{name}: with {given} it has {len(value)} items, not one",
            field=name,
            fix="give the one that holds",
        )
    return value[0]


def _shown(value: Any, members: tuple[str, ...] | None) -> Any:
    if members is None or value is None:
        return value
    return [{name: one[name] for name in members} for one in value]
