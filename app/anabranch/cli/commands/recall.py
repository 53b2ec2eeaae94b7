"""Recalling: questions to memory, and what it knows as text for a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict, Unpack, cast

import typer

from anabranch.cli.command import AsOfOption, Call, SessionOption, command, standard_input
from anabranch.cli.completion import KINDS, SCOPES, one_of
from anabranch.cli.ids import session_id_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from anabranch.api.client import Answer
    from anabranch.memory.memory import Memory
    from anabranch_recall import FilterFields, RecalledContext, Recollection

commands = typer.Typer()
PANEL: Final = "Remember and recall"


class QuestionOptions(TypedDict):
    """The options of a question to memory, beside its text and how many insights it wants."""

    scope: Annotated[
        str | None,
        typer.Option(
            "--scope",
            help="session, lineage, thought or namespace; lineage with a session.",
            autocompletion=one_of(SCOPES),
            show_default=False,
        ),
    ]
    session: SessionOption
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", "-t", help="A tag that it carries; may be repeated."),
    ]
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="A kind that it is of, derived too; may be repeated.",
            autocompletion=one_of((*KINDS, "derived")),
        ),
    ]
    agent: Annotated[
        str | None,
        typer.Option("--agent", help="In whose name it was recorded.", show_default=False),
    ]
    role: Annotated[
        str | None, typer.Option("--role", help="The role of its session.", show_default=False)
    ]
    confidence_min: Annotated[
        float, typer.Option("--confidence-min", help="How sure it is at least.")
    ]
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Recorded from then on.", show_default=False),
    ]
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Recorded up to then.", show_default=False),
    ]
    valid_at: Annotated[
        str | None,
        typer.Option(
            "--valid-at",
            metavar="TIME",
            help="Holding in the world then, instead of now.",
            show_default=False,
        ),
    ]
    min_similarity: Annotated[
        float | None,
        typer.Option("--min", help="At least so similar, up to 1.", show_default=False),
    ]
    as_of: AsOfOption
    after: Annotated[
        int | None,
        typer.Option("--after", help="Wait until this position is known.", show_default=False),
    ]
    wait: Annotated[
        float | None,
        typer.Option("--wait", help="Wait at most so many seconds.", show_default=False),
    ]
    timeout_s: Annotated[
        float | None,
        typer.Option(
            "--timeout", help="Leave out lanes that take longer, in seconds.", show_default=False
        ),
    ]
    include_retired: Annotated[
        bool, typer.Option("--include-retired", help="Also what no longer holds.")
    ]


@command(
    commands,
    "recall",
    gives=(
        "hits [{insight_id, session_id, text, subject, kind, tags, confidence, agent, position, recorded_at, "
        "retired, valid_from, valid_until, similarity, also_in, also, score, why}], lanes, position, "
        "ranker, nothing_close, forgotten_since, recall_id, associated; a line a question"
    ),
    panel=PANEL,
    served=True,
)
async def recall(
    call: Call,
    query: Annotated[str, typer.Argument(help="The question; - reads stdin.")],
    *,
    more: Annotated[
        list[str] | None,
        typer.Option("--and", metavar="QUERY", help="Another question; may be repeated."),
    ] = None,
    count: Annotated[int, typer.Option("-k", help="How many insights at most.")] = 10,
    spread: Annotated[
        int, typer.Option("--spread", help="Also what lies up to so many associations beyond.")
    ] = 0,
    why: Annotated[bool, typer.Option("--why", help="Show what each score is made of.")] = False,
    **options: Unpack[QuestionOptions],
) -> None:
    """Ask memory a question; get ranked insights, each with the reason why."""
    filters = _filters(options)
    queries = [standard_input(query), *(more or ())]
    asked: dict[str, Any] = {
        "k": count,
        **_asked(options),
        **({"spread": spread} if spread else {}),
        **filters,
    }

    async def here() -> list[Recollection]:
        async with call.memory() as memory:
            return await memory.recall_all(queries, **await _asked_here(memory, asked))

    found = await _served(call, asked, queries) or await here()
    given = [name for name, value in filters.items() if value]
    for text, one in zip(queries, found, strict=True):
        # An answer of the service reads as a Recollection does.
        recalled = cast("Recollection", one)
        shown = [] if call.output.json else _shown(recalled, filters=given, why=why)
        heading = [_heading(text)] if more and shown else []
        call.output.item(recalled, *heading, *shown)


def _heading(text: str) -> RenderableType:
    from rich.text import Text

    return Text(text, style="bold")


async def _served(
    call: Call, asked: Mapping[str, Any], queries: Sequence[str]
) -> list[Answer] | None:
    """Return the answers of the service, None where a memory here must answer."""
    if len(queries) > 1:
        return await call.client.recall_all([{**asked, "query": one} for one in queries])
    found = await call.client.recall({**asked, "query": queries[0]})
    return None if found is None else [found]


def _asked(options: QuestionOptions) -> dict[str, Any]:
    """Return what a question says beside its filters, by the names of its fields."""
    from anabranch.cli.values import moment

    return {
        "scope": options["scope"],
        "session_id": options["session"],
        "as_of": moment(options["as_of"]),
        "after": options["after"],
        "include_retired": options["include_retired"],
        "min_similarity": options["min_similarity"],
        "wait_s": options["wait"],
        "timeout_s": options["timeout_s"],
    }


def _filters(options: QuestionOptions) -> FilterFields:
    """Return the filters of a question. Raises InputInvalid for a time that is none."""
    from anabranch.cli.values import time

    return {
        "tags": options["tag"] or (),
        "kinds": options["kind"] or (),
        "agent": options["agent"],
        "role": options["role"],
        "confidence_min": options["confidence_min"],
        "since": time(options["since"], field="since"),
        "until": time(options["until"], field="until"),
        "valid_at": time(options["valid_at"], field="valid_at"),
    }


async def _asked_here(memory: Memory, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question for a memory that is open here: it takes whole ids."""
    return {**asked, "session_id": await session_id_in(memory, asked["session_id"])}


def _shown(found: Recollection, *, filters: Sequence[str], why: bool) -> list[RenderableType]:
    from anabranch.terminal.associated import associated_table
    from anabranch.terminal.recall_table import hits_table, lanes_line
    from anabranch.terminal.recall_why import lane_lines

    lanes = lane_lines(found) if why else lanes_line(found)
    if not found.hits:
        close = " close" if found.nothing_close else ""
        told = f"Nothing{close} is known about that"
        if filters:
            told += f" with these filters ({', '.join(filters)}); ask without them to see more"
        return [f"{told}.", *_forgotten_since(found), lanes]
    associated = getattr(found, "associated", ())  # An older service gives none.
    beyond = [associated_table(associated)] if associated else []
    return [hits_table(found.hits, why=why), *beyond, *_forgotten_since(found), lanes]


def _forgotten_since(found: Recollection) -> list[RenderableType]:
    count: int = getattr(found, "forgotten_since", 0)  # An older service says nothing of it.
    if not count:
        return []
    insights = "an insight that held" if count == 1 else f"{count:,} insights that held"
    return [f"Left out: {insights} then and {'was' if count == 1 else 'were'} forgotten since."]


@command(
    commands,
    "context",
    gives=(
        "text, tokens, citations [{n, insight_id}], consolidations, left_out, recall_id, position, "
        "ranker, lanes, nothing_close"
    ),
    panel=PANEL,
    served=True,
)
async def context(
    call: Call,
    query: Annotated[str, typer.Argument(help="The question; - reads stdin.")],
    *,
    tokens: Annotated[int, typer.Option("--tokens", help="How long the text may be.")] = 2000,
    count: Annotated[int, typer.Option("-k", help="How many insights at most.")] = 20,
    **options: Unpack[QuestionOptions],
) -> None:
    """Ask memory a question; get what it knows as text for a prompt, with citations."""
    filters = _filters(options)
    asked: dict[str, Any] = {
        "query": standard_input(query),
        "tokens": tokens,
        "k": count,
        **_asked(options),
        **filters,
    }

    async def here() -> RecalledContext:
        async with call.memory() as memory:
            return await memory.context(**await _asked_here(memory, asked))

    found = await call.client.context(asked) or await here()
    shown = () if call.output.json else _text_shown(cast("RecalledContext", found))
    call.output.item(found, *shown)


def _text_shown(found: RecalledContext) -> list[RenderableType]:
    from rich.text import Text

    close = " close" if found.nothing_close else ""
    return [Text(found.text or f"Nothing{close} is known about that.")]
