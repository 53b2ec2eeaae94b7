"""How often the kill runs kill: a few times by default, as often as is claimed in CI."""

from __future__ import annotations

import os

KILL_ROUNDS = int(os.environ.get("ANABRANCH_KILL_ROUNDS", "3"))
CHAOS_ROUNDS = int(os.environ.get("ANABRANCH_CHAOS_ROUNDS", "200"))
