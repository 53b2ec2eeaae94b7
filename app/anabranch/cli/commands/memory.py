"""Remembering insights, and notes of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, SessionOption, command, standard_input
from anabranch.cli.completion import KINDS, ids_of, one_of
from anabranch.cli.ids import insight_ids_in, session_id_in

if TYPE_CHECKING:
    from anabranch_thinking import InsightFields, InsightReceipt

commands = typer.Typer()
PANEL: Final = "Remember and recall"


@command(
    commands,
    "remember",
    gives="insight_id, session_id, event_id, position",
    panel=PANEL,
    served=True,
)
async def remember(
    call: Call,
    text: Annotated[str, typer.Argument(help="What was learned; - reads stdin.")],
    *,
    session: SessionOption = None,
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject",
            help="Who or what it is about, or who said it, where the text does not say so.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", help="What kind of insight.", autocompletion=one_of(KINDS))
    ] = "observation",
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="A tag; may be given again.")
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="How sure, from 0 to 1.")] = 1.0,
    entity: Annotated[
        list[str] | None,
        typer.Option(
            "--entity", help="A name it is about, instead of those in the text; may be repeated."
        ),
    ] = None,
    valid_from: Annotated[
        str | None,
        typer.Option(
            "--valid-from", metavar="TIME", help="Since when it holds.", show_default=False
        ),
    ] = None,
    valid_until: Annotated[
        str | None,
        typer.Option(
            "--valid-until", metavar="TIME", help="Until when it holds.", show_default=False
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="An insight, or another reference, that it stands on."),
    ] = None,
    supersedes: Annotated[
        list[str] | None,
        typer.Option("--supersedes", help="An insight that this one replaces; may be repeated."),
    ] = None,
) -> None:
    """Record one thing learned; without a session one is opened for it."""
    from anabranch.cli.values import time

    learned = standard_input(text)
    fields: InsightFields = {
        "subject": subject,
        "kind": kind,
        "confidence": confidence,
        "tags": tag or (),
        "entities": entity,
        "valid_from": time(valid_from, field="valid_from"),
        "valid_until": time(valid_until, field="valid_until"),
        "sources": source or (),
    }
    retired = supersedes or ()

    async def here() -> InsightReceipt:
        from anabranch_thinking import draft_of

        draft = draft_of(learned, fields)
        async with call.memory() as memory:
            own = await session_id_in(memory, session)
            old = await insight_ids_in(memory, retired)
            return await memory.remember(draft, session_id=own, supersedes=old)

    asked = {"text": learned, "session_id": session, "supersedes": retired, **fields}
    receipt = await call.client.write("remember", asked) or await here()
    call.output.item(
        receipt,
        f"Remembered at position {receipt.position}",
        f"insight [bold]{receipt.insight_id}[/]  session {receipt.session_id}",
    )


@command(commands, "note", gives="session_id, event_id, position", panel=PANEL)
async def note(
    call: Call,
    session: Annotated[
        str,
        typer.Argument(help="The session's id.", metavar="ID", autocompletion=ids_of("sessions")),
    ],
    key: Annotated[str, typer.Argument(help="The note's name.")],
    value: Annotated[str, typer.Argument(help="JSON, or else text; - reads stdin.")],
) -> None:
    """Set a note in a session's working memory."""
    from anabranch.cli.values import json_or_text

    text = standard_input(value)
    async with call.memory() as memory:
        handle = await memory.session(await session_id_in(memory, session))
        receipt = await handle.note(key, json_or_text(text))
    call.output.item(receipt, f"Noted at position {receipt.position}")
