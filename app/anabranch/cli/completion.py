"""Values that the shell completes: the few words that an option takes, and the newest ids.

The words are written out, for the models they belong to take long to import. A test holds both
together. Ids come from the `up` that runs on the home; where none runs, none are completed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer  # noqa: TC002  Typer reads the annotations when it runs.

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS: Final = ("claude", "cursor", "codex", "opencode", "gemini", "vscode")
KINDS: Final = ("observation", "decision", "preference", "procedure", "fact", "question")
"""Kinds that insights often have; any other name is one too."""
_SHORT: Final = 8
_SAID_MAX: Final = 60
_ANSWER_MAX_S: Final = 3.0
EMBEDDERS: Final = ("builtin", "folder", "endpoint", "none")
OUTCOMES: Final = ("used", "confirmed", "rejected")
PRIORITIES: Final = ("critical", "high", "normal", "low")
PLACES: Final = ("local", "workers")
SCOPES: Final = ("session", "lineage", "thought", "namespace")
STATUSES: Final = (
    "open",
    "pending",
    "running",
    "completed",
    "failed",
    "cancelled",
    "dead_lettered",
    "handed_off",
    "closed",
)


def one_of(values: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Return a completion of the `values` that begin as far as was typed."""

    def complete(incomplete: str) -> list[str]:
        return [one for one in values if one.startswith(incomplete)]

    return complete


def ids_of(kind: str) -> Callable[[typer.Context, str], list[tuple[str, str]]]:
    """Return a completion of the newest ids of `sessions`, `insights` or both `things`.

    An id is completed in the short form in which commands print it, or whole where its beginning
    was typed.
    """

    def complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        return [
            (form, " ".join(said.split())[:_SAID_MAX])
            for found, said in _newest(ctx, kind)
            for form in _forms(found, incomplete)
        ]

    return complete


def _forms(found: str, incomplete: str) -> list[str]:
    short = found[-_SHORT:]
    if short.startswith(incomplete):
        return [short]
    return [found] if found.startswith(incomplete) else []


def _newest(ctx: typer.Context, kind: str) -> list[tuple[str, str]]:
    """Ask the `up` on the home; a shell that completes is never shown an error."""
    import asyncio
    import os

    from anabranch.api.client import client_of
    from anabranch.errors import AnabranchError
    from anabranch.plain_settings import plain_settings

    home, namespace = _given(ctx, "home"), _given(ctx, "namespace")
    settings = plain_settings(os.environ, home=home, namespace=namespace)

    async def asked() -> list[tuple[str, str]]:
        async with asyncio.timeout(_ANSWER_MAX_S):
            found = await client_of(settings).ids(kind)
        return [] if found is None else [(one.id, one.said) for one in found.ids]

    try:
        return asyncio.run(asked())
    except (AnabranchError, OSError, TimeoutError):
        return []


def _given(ctx: typer.Context, name: str) -> Any:
    """Return an option of every command, which stands after the command's name or before it."""
    at: Any = ctx
    while at is not None:
        if at.params.get(name) is not None:
            return at.params[name]
        at = at.parent
    return None
