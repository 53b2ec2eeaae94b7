"""Peers from PyPI: each installed once, in a folder of its own in a cache.

The cache is ANABRANCH_BENCH_CACHE, or a cache of the user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peer import Missing


def installed(*packages: str) -> Path:
    """Return the environment that has these packages, made where it is not yet. Raises Missing."""
    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    cache = Path(os.environ.get("ANABRANCH_BENCH_CACHE", f"{home}/anabranch-bench"))
    folder = cache / "+".join(packages)
    whole = folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run("venv", "--quiet", "--python", sys.executable, str(folder))
        python = str(folder / "bin" / "python")
        _run("pip", "install", "--quiet", "--python", python, *packages)
        whole.touch()
    return folder


def _run(*words: str) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise Missing(f"it cannot be installed: {said[-1]}")
