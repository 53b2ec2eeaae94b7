"""The log as a whole, compared with what was read of it before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from anabranch_events import LogReport

log_commands = typer.Typer(help="Verify the log.", no_args_is_help=True)
PANEL: Final = "Look and query"


@command(
    log_commands,
    "verify",
    gives="first, last, events, missing, changed, accepted, deleted (each [[first, last]]), "
    "unreadable [{position, reason}], blocks",
)
async def verify(
    call: Call,
    *,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Write down what is missing; readers go on without it."),
    ] = False,
) -> None:
    """Read the whole log: say which events are missing or changed, and which are none.

    Exit code 1 where events are missing or changed.
    """
    from anabranch_events.errors import LogDamaged

    async with call.memory() as memory:
        with call.output.progress("reading the log", total=memory.position) as progress:
            found = await memory.transfer.verify_log(accept_loss=accept_loss, progress=progress)
    call.output.item(found, *_told(found))
    if not found.sound and not (accept_loss and not found.changed):
        raise LogDamaged(missing=found.missing, changed=found.changed)


def _told(found: LogReport) -> list[str]:
    from anabranch_events.errors import positions_text

    read = f"{counted(found.events, 'event')}, positions {found.first} to {found.last}"
    told = [f"{read}; {counted(found.blocks, 'block')} read as before"]
    told += [
        f"{what}: {positions_text(stretches)}"
        for what, stretches in (
            ("missing", found.missing),
            ("changed", found.changed),
            ("lost before, and accepted", found.accepted),
            ("deleted with their namespace", found.deleted),
        )
        if stretches
    ]
    return [
        *told,
        *(f"no event: position {one.position}: {one.reason}" for one in found.unreadable),
    ]
