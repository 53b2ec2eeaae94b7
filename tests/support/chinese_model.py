"""A Chinese embedding model from Maven Central: BGE small, version 1.5, as int8 ONNX (MIT)."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Final

DIMENSION: Final = 512
_NAME: Final = "langchain4j-embeddings-bge-small-zh-v15-q"
_VERSION: Final = "0.36.2"
_TIMEOUT_S: Final = 300


def chinese_model() -> Path:
    """Return the model's folder, fetched the first time into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    folder = cache / "anabranch" / "models" / f"{_NAME}-{_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("Maven (mvn) is not on PATH")
    artifact = f"-Dartifact=dev.langchain4j:{_NAME}:{_VERSION}"
    subprocess.run(
        [
            *(maven, "--quiet", "--batch-mode", "dependency:copy"),
            *(artifact, f"-DoutputDirectory={folder}"),
        ],
        check=True,
        timeout=_TIMEOUT_S,
    )
    with zipfile.ZipFile(folder / f"{_NAME}-{_VERSION}.jar") as jar:
        for name in jar.namelist():
            if name.endswith((".onnx", "tokenizer.json")):
                jar.extract(name, folder)
    (folder / "complete").touch()
