"""Go programs that tests build and run but once."""

from __future__ import annotations

from typing import Final

QUICK: Final = "'-gcflags=all=-N -l' '-ldflags=-s -w'"
"""Flags for GOFLAGS: without optimization, so that builds with them share what they compiled."""
