"""The process that holds the embedded graph; its owner starts it as a script (`process.py`).

It reads one JSON line from standard input and starts ArcadeDB's server. When Bolt and HTTP listen,
or cannot, it writes one JSON line to standard output. When standard input ends, that is, whenever
and however its owner ends, it closes the databases and ends.

Run by path, not with `-m`: importing the package would load the driver. Only the owner needs it,
and it would cost half a second.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn, TextIO


def main() -> NoReturn:
    """Serve until standard input ends. Exits with 0, or with 1 when the server did not start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = _own_stdout()
    order = sys.stdin.readline()
    if not order:
        _leave(1)  # The owner was killed before it could say more.
    try:
        server = _started(json.loads(order))
    except Exception as error:  # noqa: BLE001 - the owner turns it into an error of ours.
        _say(answer, {"ready": False, "error": f"{type(error).__name__}: {error}"})
        _leave(1)
    _say(answer, {"ready": True, "pid": os.getpid()})
    sys.stdin.read()
    server.stop()
    _leave(0)


def _started(order: dict[str, Any]) -> Any:
    """Start ArcadeDB's server with Bolt and HTTP on the loopback ports of `order`."""
    # ArcadeDB loads numpy where it is installed, only to convert arrays: 0.25 s for nothing here.
    sys.modules["numpy"] = None  # type: ignore[assignment]  # "import as if it were missing"
    os.environ.update(order["environment"])
    module = importlib.import_module(f"{order['package']}.server")
    server = module.ArcadeDBServer(
        root_path=os.getcwd(),  # noqa: PTH109 - a text for Java; pathlib would cost its import.
        root_password=order["password"],
        config={
            "host": "127.0.0.1",
            "http_port": order["http_port"],
            "bolt_port": order["bolt_port"],
            "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            # "production" would hide a query's mistake from its sender. Its other settings are made
            # by the owner.
            "mode": "development",
            "serverMetrics": False,
        },
        **order["keywords"],
    )
    server.start()
    return server


def _own_stdout() -> TextIO:
    """Return standard output for our one line, and send the server's own output to the log."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answer


def _say(answer: TextIO, line: dict[str, Any]) -> None:
    """Tell the owner. One that was killed meanwhile hears nothing; its input ends next."""
    with suppress(BrokenPipeError):
        answer.write(json.dumps(line) + "\n")
        answer.flush()


def _leave(code: int) -> NoReturn:
    """End at once, the databases being closed or never opened.

    A server that only half started leaves threads that would keep the process alive. So does a
    user's query that ignores its termination.
    """
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
