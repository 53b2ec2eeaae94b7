"""Serving HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path  # noqa: TC003  Typer reads the annotations.
from typing import Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.errors import UsageInvalid

commands = typer.Typer()
PANEL: Final = "Servers"
PORT: Final = 8765


@command(commands, "serve", gives="pid, http; once it answers", panel=PANEL, long_running=True)
async def serve(
    call: Call,
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="The port; 0 takes a free one.")
    ] = PORT,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; any other needs keys and TLS.")
    ] = "127.0.0.1",
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert", metavar="FILE", help="The certificate, as PEM.", show_default=False
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="FILE", help="Its key, as PEM.", show_default=False),
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front ends TLS; keys are needed.")
    ] = False,
    require_keys: Annotated[
        bool, typer.Option("--require-keys", help="Ask for keys on 127.0.0.1, too.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="A name by which the service is known, as in `Host`.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve HTTP over this home, until Ctrl-C; `up --http` does so beside its servers.

    Where nothing runs on the home, its servers run for as long as this does.
    """
    import os

    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.http.access.bind import Bind
    from anabranch.service.serve import run_http

    bind = Bind(
        host=host,
        port=port,
        certificate=_certificate(tls_cert, tls_key),
        behind_proxy=behind_proxy,
        keys=require_keys,
        allowed_hosts=tuple(allow_host or ()),
    )
    collect_seldom()
    with ExitStack() as waiting:
        waiting.enter_context(call.output.after_a_moment(f"Opening {call.settings.home}"))

        def ready(url: str) -> None:
            waiting.close()
            call.output.item(
                {"pid": os.getpid(), "http": url},
                f"Anabranch is at {url}: open it to watch the sessions",
                f"[dim]{url}/docs says what there is; Ctrl-C ends[/]",
            )

        await run_http(call.settings, bind, ready=ready)


def _certificate(certificate: Path | None, key: Path | None) -> tuple[str, str] | None:
    """Return the files of the certificate, if both are given. Raises UsageInvalid."""
    if certificate is None and key is None:
        return None
    missing = next(
        (one for one in (certificate, key) if one is not None and not one.is_file()), None
    )
    if certificate is None or key is None or missing is not None:
        raise UsageInvalid(
            f"{missing} is no file" if missing else "--tls-cert and --tls-key go together",
            field="tls_cert",
            fix="give the certificate and its key, both as PEM files",
        )
    return str(certificate), str(key)
