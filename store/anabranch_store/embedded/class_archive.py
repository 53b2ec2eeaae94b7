"""The class archive: classes that the embedded graph's JVM would read from jars at every start.

The wheel's JVM comes without one. With it a start takes half as long, and half the CPU time. It is
made in the background, in the user's cache, after an embedded graph is closed whose JVM noted its
classes. A JVM that finds the archive unfit leaves it alone, and is merely slower.
"""

from __future__ import annotations

import glob
import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import Final

SHAPE: Final = ("-XX:+UseSerialGC", "-XX:+UseCompactObjectHeaders")
"""The layout of objects in memory: it must be the same for the archive and for its users.

The folder is one machine's: the serial collector starts quickest and holds the least.
"""
_NOTED: Final = "classes.txt"
_MAKING_FOR_MAX_S: Final = 300.0
_UNUSED_FOR_MAX_S: Final = 30 * 24 * 3600.0

# Nobody waits for it, and it ends by itself. Until it is whole the archive has another name.
_MAKE: Final = """
noted=$1 made=$2 archive=$3 making=$4; shift 4
(nice -n 19 "$@" && mv -f "$made" "$archive"; rm -f "$noted" "$made" "$making") &
"""


class ClassArchive:
    """The archive for the installed wheel, used or made by a graph in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._noted = folder / _NOTED

    def jvm_args(self) -> tuple[str, ...]:
        """Return the arguments to use the archive, or to note the classes for it."""
        try:
            os.utime(self._archive)
        except OSError:
            return (*SHAPE, f"-XX:DumpLoadedClassList={self._noted}")
        return (*SHAPE, f"-XX:SharedArchiveFile={self._archive}")

    @cached_property
    def _wheel(self) -> Path:
        spec = importlib.util.find_spec("arcadedb_embedded")
        assert spec is not None  # noqa: S101 - who starts its JVM has seen that it is installed
        assert spec.submodule_search_locations  # noqa: S101 - it is a package
        return Path(spec.submodule_search_locations[0])

    @cached_property
    def _jars(self) -> list[str]:
        # In the order in which the wheel finds them: the archive is good for no other.
        return glob.glob(str(self._wheel / "jars" / "*.jar"))  # noqa: PTH207 - as it does.

    @cached_property
    def _archive(self) -> Path:
        """The archive's path, which changes with everything that the archive depends on."""
        files = [self._wheel / "jre" / "release", *map(Path, self._jars)]
        stamps = [f"{file} {(found := file.stat()).st_size} {found.st_mtime_ns}" for file in files]
        name = hashlib.sha256("\n".join([*SHAPE, *stamps]).encode()).hexdigest()[:32]
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(root) / "anabranch" / "embedded-graph" / f"{name}.jsa"

    def make(self) -> None:
        """Begin to make the archive from the notes of a JVM that has ended, if it is not there."""
        if not self._noted.exists():
            return
        try:
            self._begin()
        except OSError:  # A cache that cannot be written, a shell that cannot be started.
            self._noted.unlink(missing_ok=True)

    def _begin(self) -> None:
        cache = self._archive.parent
        cache.mkdir(parents=True, exist_ok=True)
        making = self._archive.with_suffix(".making")
        if self._archive.exists() or not _claimed(making):
            self._noted.unlink()
            return
        for old in cache.glob("*.jsa"):
            if time.time() - old.stat().st_mtime > _UNUSED_FOR_MAX_S:
                old.unlink(missing_ok=True)
        token = secrets.token_hex(4)
        # The graph's folder may be gone soon.
        noted = shutil.move(self._noted, cache / f"{token}.txt")
        made = cache / f"{token}.made"
        dump = [
            *(str(self._wheel / "jre" / "bin" / "java"), "-Xshare:dump", "-Xmx512m", *SHAPE),
            *(f"-XX:SharedClassListFile={noted}", f"-XX:SharedArchiveFile={made}"),
            *("-cp", os.pathsep.join(self._jars)),
        ]
        paths = (str(noted), str(made), str(self._archive), str(making))
        subprocess.run(
            ["/bin/sh", "-c", _MAKE, "sh", *paths, *dump],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _claimed(making: Path) -> bool:
    """Claim the making, and tell whether nobody else had."""
    try:
        making.touch(exist_ok=False)
    except FileExistsError:
        if time.time() - making.stat().st_mtime < _MAKING_FOR_MAX_S:
            return False
        making.touch()  # The process that had claimed it is gone.
    return True
