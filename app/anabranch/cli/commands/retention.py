"""Retention of insights: the policy of a namespace, and the end of those that outlived it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from anabranch.cli.command import AsOfOption, Call, command

commands = typer.Typer(help="How long insights are kept, and how many.", no_args_is_help=True)
PANEL: Final = "Remember and recall"


@command(commands, "set", gives="session_id, event_id, position")
async def set_(
    call: Call,
    *,
    keep: Annotated[
        list[str],
        typer.Option(
            "--keep",
            help="A rule: 365d for an age, 10000 for the latest so many, 365d,10000 for both; "
            "with KIND= in front for one kind, otherwise for all others. `all` keeps everything.",
            metavar="[KIND=]BOUND",
        ),
    ],
) -> None:
    """Set the policy, in place of an earlier one. Nothing is taken out by this command."""
    from anabranch.cli.values import retention_rules

    rules = retention_rules(keep)
    async with call.memory() as memory:
        found = await memory.retention.set(rules)
    call.output.item(found, f"set at position {found.position}")


@command(commands, "show", gives="rules [{kind, age_days, count}], position, set_by, set_at")
async def show(call: Call, *, as_of: AsOfOption = None) -> None:
    """Show the policy, now or at a moment, and who set it when."""
    from anabranch.cli.values import moment
    from anabranch.terminal.settled import policy_lines

    async with call.memory() as memory:
        found = await memory.retention.show(as_of=moment(as_of))
    call.output.item(found, *policy_lines(found))


@command(commands, "apply", gives="expired, recorded, outcomes [{rule, held, aged, beyond_count}]")
async def apply(
    call: Call,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be taken out.")
    ] = False,
) -> None:
    """Take out what outlived the policy, each insight by an event.

    Recall leaves it out from then on; as of an earlier moment it is there.
    """
    from anabranch.terminal.settled import retention_lines

    async with call.memory() as memory:
        with call.output.progress("Taking out", total=100) as shown:
            found = await memory.retention.apply(
                dry_run=dry_run,
                progress=lambda done, total: shown(100 * done // max(1, total)),
            )
    call.output.item(found, *retention_lines(found))
