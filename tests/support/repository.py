"""Where the repository is, and what tests read in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
EVENT_DOCUMENTS: Final = ROOT / "tests" / "fixtures" / "events"
