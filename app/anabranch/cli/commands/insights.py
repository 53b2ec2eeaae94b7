"""Looking insights up, and correcting them."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import (
    ActingSessionOption,
    AsOfOption,
    Call,
    SessionOption,
    command,
    standard_input,
)
from anabranch.cli.completion import KINDS, OUTCOMES, ids_of, one_of
from anabranch.cli.ids import insight_id_in, insight_ids_in, session_id_in
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from anabranch_thinking import InsightFields, SessionReceipt

commands = typer.Typer()
PANEL: Final = "Remember and recall"
_STORED: Final = "session_id, event_id, position"
InsightArgument = Annotated[
    str,
    typer.Argument(
        help="The insight's id, or the end or start of it.",
        metavar="ID",
        autocompletion=ids_of("insights"),
    ),
]
FromArgument = Annotated[
    str,
    typer.Argument(help="The one insight.", metavar="FROM", autocompletion=ids_of("insights")),
]
ToArgument = Annotated[
    str,
    typer.Argument(help="The other insight.", metavar="TO", autocompletion=ids_of("insights")),
]
KindOption = Annotated[str, typer.Option("--kind", help="What kind of association.")]
WhyOption = Annotated[
    str | None, typer.Option("--reason", help="Why.", metavar="TEXT", show_default=False)
]


@command(commands, "get", gives="the insight, with what became of it", panel=PANEL)
async def get(call: Call, insight: InsightArgument) -> None:
    """Show an insight by its id, also one that no longer holds."""
    from anabranch.terminal.insights import insight_table

    async with call.memory() as memory:
        found = await memory.get(await insight_id_in(memory, insight))
    call.output.item(found, insight_table(found))


@command(commands, "update", gives="insight_id, session_id, event_id, position", panel=PANEL)
async def update(
    call: Call,
    insight: InsightArgument,
    text: Annotated[str, typer.Argument(help="What holds now; - reads stdin.")],
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="Another kind than before.",
            show_default=False,
            autocompletion=one_of(KINDS),
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", "-t", help="A tag, instead of those before; may be given again."),
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Another subject than before.", show_default=False),
    ] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="How sure, from 0 to 1.")] = 1.0,
    session: SessionOption = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where the insight holds no longer.")
    ] = False,
) -> None:
    """Record a new text, and retire the insight whose place it takes."""
    fields: InsightFields = {"confidence": confidence}
    if subject is not None:
        fields["subject"] = subject
    if kind is not None:
        fields["kind"] = kind
    if tag is not None:
        fields["tags"] = tag
    new = standard_input(text)
    async with call.memory() as memory:
        old = await insight_id_in(memory, insight)
        own = await session_id_in(memory, session)
        receipt = await memory.update(old, new, session_id=own, anyway=anyway, **fields)
    call.output.item(
        receipt,
        f"Updated at position {receipt.position}",
        f"insight [bold]{receipt.insight_id}[/]  session {receipt.session_id}",
    )


@command(commands, "retract", gives=_STORED, panel=PANEL)
async def retract(
    call: Call,
    insight: InsightArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it no longer holds.")],
    valid_until: Annotated[
        str | None,
        typer.Option(
            "--valid-until", metavar="TIME", help="When it ceased to hold.", show_default=False
        ),
    ] = None,
    session: ActingSessionOption = None,
) -> None:
    """Say that an insight no longer holds; recall leaves it out from then on."""
    from anabranch.cli.values import time

    until = time(valid_until, field="valid_until")
    async with call.memory() as memory:
        found = await insight_id_in(memory, insight)
        own = await session_id_in(memory, session)
        receipt = await memory.retract(found, reason, valid_until=until, session_id=own)
    _said(call, "Retracted", receipt)


@command(commands, "cite", gives=_STORED, panel=PANEL)
async def cite(
    call: Call,
    insight: Annotated[
        list[str],
        typer.Argument(help="The insights' ids.", metavar="ID", autocompletion=ids_of("insights")),
    ],
    *,
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome",
            help="used, confirmed or rejected.",
            autocompletion=one_of(OUTCOMES),
        ),
    ] = "used",
    recall: Annotated[
        str | None,
        typer.Option(
            "--recall", help="The recall_id of the answer that had them.", show_default=False
        ),
    ] = None,
    session: ActingSessionOption = None,
) -> None:
    """Say that insights were used, confirmed or rejected; their associations follow."""
    async with call.memory() as memory:
        found = await insight_ids_in(memory, insight)
        own = await session_id_in(memory, session)
        receipt = await memory.cite(found, outcome=outcome, recall_id=recall, session_id=own)
    _said(call, "Cited", receipt)


@command(commands, "associate", gives=_STORED, panel=PANEL)
async def associate(
    call: Call,
    one: FromArgument,
    other: ToArgument,
    *,
    kind: KindOption = "related",
    weight: Annotated[float, typer.Option("--weight", help="How strong, from 0 to 1.")] = 0.5,
    reason: WhyOption = None,
    session: ActingSessionOption = None,
) -> None:
    """Link two insights; recall then finds the one by the other."""
    async with call.memory() as memory:
        from_id, to_id = await insight_ids_in(memory, [one, other])
        own = await session_id_in(memory, session)
        receipt = await memory.associate(
            from_id, to_id, kind=kind, weight=weight, reason=reason, session_id=own
        )
    _said(call, "Associated", receipt)


@command(
    commands,
    "associations",
    gives="insight_id, session_id, text, subject, kind, tags, confidence, agent, position, "
    "recorded_at, valid_from, valid_until, retired, strength, start, path; a line an insight",
    panel=PANEL,
)
async def associations(
    call: Call,
    insight: InsightArgument,
    *,
    spread: Annotated[
        int, typer.Option("--spread", help="Over so many associations, at most four.")
    ] = 1,
    as_of: AsOfOption = None,
    include_retired: Annotated[
        bool, typer.Option("--include-retired", help="Also what no longer holds.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", help="How many insights at most.")] = 50,
) -> None:
    """Show the insights that associations lead to, the strongest first."""
    from anabranch.cli.values import moment
    from anabranch.terminal.associated import associated_table

    async with call.memory() as memory:
        found = await memory.associations(
            await insight_id_in(memory, insight),
            spread=spread,
            as_of=moment(as_of),
            include_retired=include_retired,
            limit=limit,
        )
    call.output.items(found, associated_table, nothing="Nothing is associated with it.")


@command(commands, "sever", gives=_STORED, panel=PANEL)
async def sever(
    call: Call,
    one: FromArgument,
    other: ToArgument,
    *,
    kind: KindOption = "related",
    reason: WhyOption = None,
    session: ActingSessionOption = None,
) -> None:
    """Unlink two insights that were associated."""
    async with call.memory() as memory:
        from_id, to_id = await insight_ids_in(memory, [one, other])
        own = await session_id_in(memory, session)
        receipt = await memory.sever(from_id, to_id, kind=kind, reason=reason, session_id=own)
    _said(call, "Severed", receipt)


@command(commands, "remember-all", gives="insight_ids, session_id, event_id, position", panel=PANEL)
async def remember_all(
    call: Call,
    lines: Annotated[
        str, typer.Argument(help="A line an insight: text, or JSON; - reads stdin.")
    ] = "-",
    *,
    session: SessionOption = None,
) -> None:
    """Record several things learned as one batch: all of them or none."""
    from anabranch.cli.values import drafts

    _refuse_file(lines)
    insights = drafts(standard_input(lines))
    async with call.memory() as memory:
        own = await session_id_in(memory, session)
        receipt = await memory.remember_all(insights, session_id=own)
    call.output.item(
        receipt,
        f"Remembered {counted(len(receipt.insight_ids), 'insight')} by position {receipt.position}",
    )


def _refuse_file(lines: str) -> None:
    """Raise InputInvalid for the name of a file: it would be remembered in place of its lines."""
    if os.path.isfile(lines):  # noqa: PTH113 - no text is too long for it.
        from anabranch.errors import InputInvalid

        raise InputInvalid(
            f"lines: {lines} is a file, and its name would be remembered",
            field="lines",
            fix=f"have it read: `anabranch remember-all - < {shlex.quote(lines)}`",
        )


def _said(call: Call, done: str, receipt: SessionReceipt) -> None:
    call.output.item(receipt, f"{done} at position {receipt.position}")
