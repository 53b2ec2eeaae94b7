"""Forgetting: an insight, or a whole session, entity or producer."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.cli.completion import ids_of
from anabranch.cli.ids import insight_id_in
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anabranch.memory.memory import Memory
    from anabranch.views import SubjectForgotten
    from anabranch_thinking.sessions.receipts import ErasureReceipt

commands = typer.Typer()
PANEL: Final = "Remember and recall"
_GIVES: Final = (
    "of an insight: session_id, event_id, position, and what went with it: insights, "
    "consolidations, sessions, associations, conflicts, sums, erasure; of a subject: subject, name, dry_run, "
    "position, log_keeps, insights, sessions, consolidations, sums, remaining, erasure"
)
_KEPT: Final = (
    "The log still holds the events that said it, and so do exports, snapshots and backups made "
    "before"
)


@command(commands, "forget", gives=_GIVES, panel=PANEL)
async def forget(
    call: Call,
    insight: Annotated[
        str | None,
        typer.Argument(
            help="The insight's id, or the end of it.",
            metavar="[ID]",
            autocompletion=ids_of("insights"),
            show_default=False,
        ),
    ] = None,
    *,
    session: Annotated[
        str | None,
        typer.Option(
            "--session",
            "-s",
            help="A session with all branches below it, by its id or the one its tool knows it by.",
            autocompletion=ids_of("sessions"),
            show_default=False,
        ),
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option("--entity", help="All that mentions this name.", show_default=False),
    ] = None,
    producer: Annotated[
        str | None,
        typer.Option(
            "--producer", help="All that events with this source brought.", show_default=False
        ),
    ] = None,
    everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere", help="With --entity: also what only has the name in its words."
        ),
    ] = False,
    receipt: Annotated[
        str, typer.Option("--receipt", help="The request for it, by its name.")
    ] = "requested",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would go of a subject, and forget nothing."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a subject goes.")] = False,
) -> None:
    """Erase what an insight said, or a whole subject, from the graph and from every answer.

    Insights derived from it are forgotten too, and words of others about it go. A session goes with
    its task, notes, results and hand-offs. One that was killed goes on when it is run again.
    """
    subject = {
        name: value
        for name, value in (("session", session), ("entity", entity), ("producer", producer))
        if value is not None
    }
    _one_of(insight, subject, dry_run=dry_run, everywhere=everywhere)
    async with call.memory() as memory:
        if insight is not None:
            await _forget_insight(call, memory, insight, receipt=receipt)
            return
        forget_subject = partial(
            _forget_subject, memory, subject, everywhere=everywhere, receipt=receipt
        )
        if dry_run:
            found = await forget_subject(dry_run=True)
            call.output.item(found, _told(found, "Would forget"), *_details(found))
            return
        total = None if yes else _agreed(call, subject, await forget_subject(dry_run=True))
        with call.output.progress("forgetting", total=total) as tell:
            found = await forget_subject(dry_run=False, progress=tell)
    call.output.item(found, _told(found, "Forgot"), *_details(found))


def _one_of(
    insight: str | None, subject: Mapping[str, str], *, dry_run: bool, everywhere: bool
) -> None:
    """Raise InputInvalid unless one thing is named."""
    from anabranch.errors import InputInvalid

    named = [*(["ID"] if insight is not None else []), *(f"--{name}" for name in subject)]
    if len(named) != 1:
        given = f"{' and '.join(named)} are given" if named else "nothing is given"
        raise InputInvalid(
            f"id: {given}, one thing is forgotten at a time",
            field="id",
            fix="give the id of an insight, or one of --session, --entity and --producer",
        )
    if insight is not None and dry_run:
        raise InputInvalid(
            "dry_run: is for a session, an entity or a producer",
            field="dry_run",
            fix=f"look at the insight with `anabranch get {insight}`",
        )
    if insight is not None and everywhere:
        raise InputInvalid(
            "everywhere: is for an entity",
            field="everywhere",
            fix="leave it out, or forget a name with --entity",
        )


async def _forget_insight(call: Call, memory: Memory, insight: str, *, receipt: str) -> None:
    stored = await memory.forget(await insight_id_in(memory, insight), receipt=receipt)
    went = ", ".join(_WENT[name].format(count) for name, count in stored.sums.items() if count)
    call.output.item(
        stored,
        f"Forgotten at position {stored.position}",
        *([f"[dim]with it: {went}[/]"] if went else []),
        *_erased(stored.erasure),
    )


async def _forget_subject(
    memory: Memory,
    subject: Mapping[str, str],
    *,
    everywhere: bool,
    dry_run: bool,
    receipt: str,
    progress: Callable[[int], None] | None = None,
) -> SubjectForgotten:
    session = subject.get("session")
    return await memory.forget_all(
        session_id=None if session is None else await _session_id(memory, session),
        entity=subject.get("entity"),
        producer=subject.get("producer"),
        everywhere=everywhere,
        receipt=receipt,
        dry_run=dry_run,
        progress=progress,
    )


async def _session_id(memory: Memory, given: str) -> str:
    """Return a session's whole id, or the id of its tool as it is."""
    from anabranch.cli.ids import session_id_in
    from anabranch.errors import IdAmbiguous
    from anabranch_events.errors import InputInvalid, SessionNotFound

    try:
        return await session_id_in(memory, given)
    except IdAmbiguous:
        raise
    except (InputInvalid, SessionNotFound):
        return given


def _agreed(call: Call, subject: Mapping[str, str], found: SubjectForgotten) -> int:
    """Say what would go, let the caller confirm, and return how many insights that are."""
    call.output.message("\n".join([_told(found, "This forgets"), *_remaining(found)]))
    _ask(subject)
    return found.sums["insights"] + found.sums["derived"]


def _ask(subject: Mapping[str, str]) -> None:
    """Let the caller confirm. Raises InputInvalid where nobody does."""
    from anabranch.errors import InputInvalid

    ((name, value),) = subject.items()
    if not sys.stdin.isatty():
        raise InputInvalid(
            "yes: nobody is there to be asked, stdin is no terminal",
            field="yes",
            fix=f"look with `--dry-run` first, then run `anabranch forget --{name} {value} --yes`",
        )
    if not typer.confirm("Forget it for ever?", err=True):
        raise InputInvalid(
            "yes: was not given; nothing was forgotten", field="yes", fix="say yes to forget it"
        )


_WENT: Final = {
    "insights": "derived insights {}",
    "consolidations": "texts of consolidations {}",
    "sessions": "results of sessions {}",
    "associations": "reasons of associations {}",
    "conflicts": "subjects of conflicts {}",
}
"""Words for the lists of a receipt: all that goes with a forgotten insight."""
_SUBJECT_WENT: Final = {
    "results": "results {}",
    **{name: words for name, words in _WENT.items() if name not in {"insights", "sessions"}},
    "notes": "notes {}",
    "objects": "whole texts {}",
}


def _told(found: SubjectForgotten, what: str) -> str:
    derived = found.sums["derived"]
    return (
        f"{what} {counted(found.sums['insights'], 'insight')}"
        f"{f', {derived} derived from them' if derived else ''} and "
        f"{counted(found.sums['sessions'], 'session')} of {found.subject} {found.name}"
    )


def _details(found: SubjectForgotten) -> list[str]:
    went = ", ".join(
        words.format(found.sums[name]) for name, words in _SUBJECT_WENT.items() if found.sums[name]
    )
    anything = any(found.sums.values())
    kept = _erased(found.erasure) if anything and (found.log_keeps or not found.dry_run) else []
    return [*([f"[dim]with it: {went}[/]"] if went else []), *_remaining(found), *kept]


def _remaining(found: SubjectForgotten) -> list[str]:
    """Return what still says the name of an entity, with the way to forget it too."""
    if found.remaining is None or not any(found.remaining.sums.values()):
        return []
    sums = found.remaining.sums
    insights, sessions = counted(sums["insights"], "insight"), counted(sums["sessions"], "session")
    return [
        f"[yellow]![/] {insights} and {sessions} more have it in their words, and stay",
        "[dim]look at them with `--dry-run --json`, forget them too with `--everywhere`[/]",
    ]


_FILES: Final = {
    "rewritten": "rewritten without it",
    "under_way": "being rewritten by the owner of the home",
    "kept_by_store": "Neo4j keeps deleted bytes until it uses the place again",
}


def _erased(erasure: ErasureReceipt | None) -> list[str]:
    """Return what became of the copies: of a sealed namespace, or of an open one."""
    if erasure is None:
        return [f"[dim]{_KEPT}[/]"]
    dropped = (
        f"{counted(erasure.keys, 'key')} dropped: the log, the object store, and exports, snapshots "
        "and backups without the keys hold nothing that can be read"
    )
    files = f"graph: {_FILES[erasure.graph]}; recall index: {_FILES[erasure.index]}"
    return [f"[dim]{dropped}[/]", f"[dim]{files}[/]"]
