"""Serving HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Final

import typer

from anabranch.cli.command import Call, command

commands = typer.Typer()
PANEL: Final = "Servers"
PORT: Final = 8765


@command(commands, "serve", gives="pid, http; once it answers", panel=PANEL)
async def serve(
    call: Call,
    *,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65_535, help="The port to listen on; 0 takes a free one."
        ),
    ] = PORT,
) -> None:
    """Serve HTTP on 127.0.0.1 over this home, until Ctrl-C; `up --http` does so beside its servers.

    Where nothing runs on the home, its servers run for as long as this does.
    """
    import os

    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.service.serve import run_http

    collect_seldom()
    with ExitStack() as waiting:
        waiting.enter_context(call.output.after_a_moment(f"Opening {call.settings.home}"))

        def ready(url: str) -> None:
            waiting.close()
            call.output.item(
                {"pid": os.getpid(), "http": url},
                f"Anabranch is at {url}",
                f"[dim]{url}/docs says what there is; Ctrl-C ends[/]",
            )

        await run_http(call.settings, host="127.0.0.1", port=port, ready=ready)
