"""How often the kill runs kill and the fuzz runs try: a few times by default, often in CI."""

from __future__ import annotations

import os

KILL_ROUNDS = int(os.environ.get("ANABRANCH_KILL_ROUNDS", "3"))
CHAOS_ROUNDS = int(os.environ.get("ANABRANCH_CHAOS_ROUNDS", "200"))
FUZZ_EXAMPLES = int(os.environ.get("ANABRANCH_FUZZ_EXAMPLES", "200"))
