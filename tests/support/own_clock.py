"""`anabranch` with a clock of its own, whose children have the machine's: a JVM hangs under another."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    from anabranch.cli import run

    sys.exit(run(sys.argv[1:]))
