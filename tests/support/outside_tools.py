"""The environment of the outside tools: made once from its lock, kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.repository import ROOT

LOCK: Final = ROOT / "requirements" / "outside.txt"
_TIMEOUT_S: Final = 240


def outside_python() -> Path:
    """Return the Python of an environment with the tools of requirements/outside.txt."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = _cache() / "outside-tools" / wanted
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(folder))
            _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(LOCK))
            (folder / "whole").touch()
    return python


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return cache / "anabranch"


def _uv(*words: str) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}
    subprocess.run([uv, *words], check=True, env=environment, timeout=_TIMEOUT_S)
