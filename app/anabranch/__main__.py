"""Run the `anabranch` command: `python -m anabranch`."""

from __future__ import annotations

from anabranch.cli import main

main()
