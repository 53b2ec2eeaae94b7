"""Runs programs of outside tools, in the tools' own environment: JSON in, what each printed out.

In one process, because the imports are what takes the time. It imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys


def main() -> None:
    """Run each program of standard input; write its lines, or its error, to standard output."""
    answer = sys.stdout
    found: dict[str, list[str] | str] = {}
    for name, program in json.load(sys.stdin).items():
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(program, name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own page.
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is its answer.
            found[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = printed.getvalue().splitlines()
    json.dump(found, answer)


if __name__ == "__main__":
    main()
