"""The project that a client works on, as a namespace."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME_MAX: Final = 48
_PROJECT: Final = "CLAUDE_PROJECT_DIR"


def project_namespace(environment: Mapping[str, str] | None = None) -> str:
    """Return the namespace of the project that the client works on: its name, and its place.

    The project is the folder of the client, or the one above it that a version control begins in.
    """
    given = (os.environ if environment is None else environment).get(_PROJECT)
    folder = Path(given or Path.cwd()).resolve()
    project = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", project.name).strip("-")[:_NAME_MAX] or "project"
    return f"{name}-{hashlib.sha256(os.fsencode(project)).hexdigest()[:8]}"
