"""Sessions: opening, branching, completing, showing, handing off, closing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import AsOfOption, Call, SessionArgument, command
from anabranch.cli.completion import PRIORITIES, STATUSES, ids_of, one_of
from anabranch.cli.ids import session_id_in
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from anabranch.memory.memory import Memory
    from anabranch.memory.session import Session
    from anabranch_thinking import CompletionReceipt, SessionReceipt

commands = typer.Typer(
    help="Open, branch, watch, complete, fail, cancel, show, hand off and close sessions.",
    no_args_is_help=True,
)
PANEL: Final = "Think"

_SCOPES: Final = ("session", "lineage", "thought", "namespace")

ResourceArgument = Annotated[
    str, typer.Argument(help="What is claimed, by any name.", metavar="RESOURCE")
]
TaskOption = Annotated[str, typer.Option("--task", help="What it is to think about.")]
RoleOption = Annotated[
    str | None, typer.Option("--role", "-r", help="From which side.", show_default=False)
]
AgentOption = Annotated[
    str | None, typer.Option("--agent", help="In whose name (ANABRANCH_AGENT).", show_default=False)
]
PriorityOption = Annotated[
    str,
    typer.Option(
        "--priority",
        "-p",
        help="critical, high, normal or low.",
        autocompletion=one_of(PRIORITIES),
    ),
]


@command(commands, "open", gives="session_id, event_id, position", served=True)
async def open_session(
    call: Call,
    *,
    task: TaskOption,
    role: RoleOption = None,
    priority: PriorityOption = "normal",
    agent: AgentOption = None,
) -> None:
    """Begin a root session."""

    async def here() -> SessionReceipt:
        async with call.memory() as memory:
            return (
                await memory.open_session(task, role=role, priority=priority, agent=agent)
            ).receipt

    asked = {"task": task, "role": role, "priority": priority, "agent": agent}
    receipt = await call.client.write("open_session", asked) or await here()
    call.output.item(
        receipt,
        f"Opened session [bold]{receipt.session_id}[/] at position {receipt.position}",
    )


@command(
    commands,
    "branch",
    gives="session_id, parent_id, root_id, forked_at, event_id, position",
    served=True,
)
async def branch(
    call: Call,
    parent: Annotated[
        str,
        typer.Argument(
            help="The session to fork.", metavar="PARENT", autocompletion=ids_of("sessions")
        ),
    ],
    *,
    task: TaskOption,
    role: RoleOption = None,
    priority: PriorityOption = "normal",
    agent: AgentOption = None,
) -> None:
    """Fork a session as it is now."""

    async def here() -> SessionReceipt:
        async with call.memory() as memory:
            forked = await _session(memory, parent)
            return (await forked.branch(task, role=role, priority=priority, agent=agent)).receipt

    asked = {
        "parent_id": parent,
        "task": task,
        "role": role,
        "priority": priority,
        "agent": agent,
    }
    receipt = await call.client.write("branch", asked) or await here()
    call.output.item(
        receipt,
        f"Branched session [bold]{receipt.session_id}[/] at position {receipt.position}",
    )


@command(commands, "complete", gives="session_id, insight_ids, event_id, position", served=True)
async def complete(
    call: Call,
    session: SessionArgument,
    *,
    result: Annotated[str, typer.Option("--result", help="What came out; - reads stdin.")],
    insight: Annotated[
        list[str] | None,
        typer.Option("--insight", "-i", help="What was learned; may be given again."),
    ] = None,
) -> None:
    """End a session with its result and what it learned."""
    from anabranch.cli.command import standard_input

    text = standard_input(result)

    async def here() -> CompletionReceipt:
        async with call.memory() as memory:
            handle = await _session(memory, session)
            return await handle.complete(text, insights=insight or ())

    asked = {"session_id": session, "result": text, "insights": insight}
    receipt = await call.client.write("complete", asked) or await here()
    call.output.item(
        receipt,
        f"Completed at position {receipt.position} with "
        f"{counted(len(receipt.insight_ids), 'insight')}",
    )


@command(commands, "fail", gives="session_id, event_id, position")
async def fail(
    call: Call,
    session: SessionArgument,
    *,
    error: Annotated[str, typer.Option("--error", "-e", help="What went wrong; - reads stdin.")],
) -> None:
    """End a session without a result, because of an error."""
    from anabranch.cli.command import standard_input

    text = standard_input(error)
    async with call.memory() as memory:
        receipt = await (await _session(memory, session)).fail(text)
    call.output.item(receipt, f"Failed at position {receipt.position}")


@command(commands, "cancel", gives="session_id, event_id, position")
async def cancel(
    call: Call,
    session: SessionArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it is called off.")],
) -> None:
    """Call a session off."""
    async with call.memory() as memory:
        receipt = await (await _session(memory, session)).cancel(reason)
    call.output.item(receipt, f"Cancelled at position {receipt.position}")


@command(commands, "show", gives="the session, with working_memory and insights")
async def show(call: Call, session: SessionArgument, *, as_of: AsOfOption = None) -> None:
    """Show a session with its working memory and insights."""
    from anabranch.cli.values import moment
    from anabranch.terminal.sessions import session_panel

    then = moment(as_of)
    async with call.memory() as memory:
        view = await memory.show_session(await session_id_in(memory, session), as_of=then)
    call.output.item(view, session_panel(view))


@command(commands, "list", gives="a session a line")
async def list_sessions(
    call: Call,
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            help=f"Only those that are so: {', '.join(STATUSES[:-1])} or {STATUSES[-1]}.",
            show_default=False,
            autocompletion=one_of(STATUSES),
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-l", help="How many at most.")] = 100,
    every: Annotated[
        bool,
        typer.Option("--all", help="Also those that `remember` opened for a single insight."),
    ] = False,
) -> None:
    """List the sessions of the namespace, the newest first."""
    from anabranch.terminal.sessions import sessions_table

    async with call.memory() as memory:
        views = await memory.list_sessions(status=status, limit=limit, remembered=every)
    call.output.items(
        views,
        sessions_table,
        nothing="No sessions: `anabranch session open` begins one, and `anabranch session list "
        "--all` shows those of single insights.",
    )


@command(commands, "tree", gives="a session a line, parents before their branches")
async def tree(call: Call, session: SessionArgument, *, as_of: AsOfOption = None) -> None:
    """Show the whole thought that a session belongs to."""
    from anabranch.cli.values import moment
    from anabranch.terminal.sessions import session_tree

    then = moment(as_of)
    async with call.memory() as memory:
        views = await memory.session_tree(await session_id_in(memory, session), as_of=then)
    call.output.items(views, session_tree)


@command(
    commands, "hand-off", gives="session_id, to, forked_at, working_memory, event_id, position"
)
async def hand_off(
    call: Call,
    session: SessionArgument,
    *,
    summary: Annotated[str, typer.Option("--summary", help="What the next one should know.")],
    to: Annotated[
        str | None,
        typer.Option("--to", help="The agent that takes over.", show_default=False),
    ] = None,
) -> None:
    """Pass a session's task and working memory to a new branch of it."""
    async with call.memory() as memory:
        handle = await _session(memory, session)
        heir = await handle.hand_off(summary=summary, to_agent=to)
    call.output.item(
        handle.receipt,
        f"Handed off to session [bold]{heir.session_id}[/] at position {handle.position}",
    )


@command(
    commands,
    "watch",
    gives="an insight a line: insight_id, text, kind, session_id, agent, position, recorded_at, ...",
)
async def watch(
    call: Call,
    session: SessionArgument,
    *,
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            help=f"Whose insights: {', '.join(_SCOPES)}.",
            autocompletion=one_of(_SCOPES),
        ),
    ] = "thought",
    after: Annotated[
        int | None,
        typer.Option("--after", help="Begin after this position.", show_default=False),
    ] = None,
) -> None:
    """Tell the insights of a thought as they are recorded, until the session has ended."""
    from rich.text import Text

    from anabranch.terminal.short_id import short_id

    async with call.memory() as memory:
        handle = await _session(memory, session)
        async for one in handle.watch(scope=scope, after=after):
            told = f"{one.position:>8}  {short_id(one.session_id)}  {one.kind}: {one.text}"
            call.output.item(one, Text(told))


@command(commands, "claim", gives="session_id, resource, token, expires_at")
async def claim(
    call: Call,
    session: SessionArgument,
    resource: ResourceArgument,
    *,
    ttl_s: Annotated[
        float,
        typer.Option("--ttl", metavar="SECONDS", help="It ends by itself after so long."),
    ] = 30.0,
    wait_s: Annotated[
        float,
        typer.Option("--wait", metavar="SECONDS", min=0, help="Wait for it at most so long."),
    ] = 0.0,
) -> None:
    """Claim a resource for a session, so that no other session does the same meanwhile.

    Exit code 4 where another session has it. Claimed again it holds again, with a new token.
    """
    async with call.memory() as memory:
        handle = await _session(memory, session)
        hold = await handle.claim(resource, ttl_s=ttl_s, wait_s=wait_s)
    call.output.item(
        {
            "session_id": handle.session_id,
            "resource": hold.resource,
            "token": hold.token,
            "expires_at": hold.expires_at,
        },
        f"Claimed until {hold.expires_at:%H:%M:%S} with the token [bold]{hold.token}[/]",
    )


@command(commands, "renew", gives="session_id, resource, token, expires_at")
async def renew(
    call: Call,
    session: SessionArgument,
    resource: ResourceArgument,
    *,
    token: Annotated[int, typer.Option("--token", min=1, help="The token of the claim.")],
    ttl_s: Annotated[
        float | None,
        typer.Option(
            "--ttl",
            metavar="SECONDS",
            help="It ends after so long from now; without it after as long as before.",
        ),
    ] = None,
) -> None:
    """Have a session's claim on a resource hold for longer, with the same token.

    Exit code 4 where it was given back or claimed anew.
    """
    async with call.memory() as memory:
        handle = await _session(memory, session)
        expires_at = await handle.renew(resource, token=token, ttl_s=ttl_s)
    given = {"session_id": handle.session_id, "resource": resource, "token": token}
    call.output.item(
        given | {"expires_at": expires_at}, f"The claim holds until {expires_at:%H:%M:%S}"
    )


@command(commands, "release", gives="session_id, resource, token")
async def release(
    call: Call,
    session: SessionArgument,
    resource: ResourceArgument,
    *,
    token: Annotated[int, typer.Option("--token", min=1, help="The token of the claim.")],
) -> None:
    """Give a session's claim on a resource back."""
    async with call.memory() as memory:
        handle = await _session(memory, session)
        await handle.release(resource, token=token)
    given = {"session_id": handle.session_id, "resource": resource, "token": token}
    call.output.item(given, f"Released the claim with the token {token}")


@command(commands, "close", gives="session_id, event_id, position")
async def close(
    call: Call,
    session: SessionArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why it ends.")] = "done",
) -> None:
    """End a session without a result."""
    async with call.memory() as memory:
        receipt = await (await _session(memory, session)).close(reason)
    call.output.item(receipt, f"Closed at position {receipt.position}")


async def _session(memory: Memory, given: str) -> Session:
    """Return the session with this id, or whose id ends so."""
    return await memory.session(await session_id_in(memory, given))
