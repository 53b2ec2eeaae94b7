"""The manifest: which files make up the index, and up to where. Replaced whole, never changed."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.recall_index.section_file import FORMAT, Written, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "manifest.json"


class Listed(msgspec.Struct, frozen=True):
    """A file of the index, as it must be found."""

    name: str
    rows: int
    size: int
    checksum: int

    @property
    def written(self) -> Written:
        """The length and checksum that name the file's content."""
        return Written(self.size, self.checksum)


class Files(msgspec.Struct, frozen=True):
    """The files of one namespace, in row order."""

    segments: tuple[Listed, ...] = ()
    vectors: tuple[Listed, ...] = ()


class Manifest(msgspec.Struct, frozen=True):
    """The index as it stands on disk: a fold of the log named `log` up to `position`.

    `source` names what else decides its content: the version of the fold, of the words, the model.
    """

    log: str
    source: str
    position: int = 0
    namespaces: dict[str, Files] = {}
    format: int = FORMAT

    @property
    def names(self) -> set[str]:
        """The names of all files."""
        return {
            each.name
            for files in self.namespaces.values()
            for each in (*files.segments, *files.vectors)
        }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one before, whole or not at all."""
    content = msgspec.json.encode(manifest)
    partial = folder / f"{NAME}.partial"
    with partial.open("wb") as file:
        file.write(b"%08x\n" % zlib.crc32(content) + content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(folder / NAME)
    sync_folder(folder)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, None where there is none. Raises Damaged."""
    try:
        raw = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(NAME, str(error)) from error
    checksum, _, content = raw.partition(b"\n")
    if checksum != b"%08x" % zlib.crc32(content):
        raise Damaged(NAME, "it is not what was written")
    try:
        found = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise Damaged(NAME, str(error)) from error
    if found.format != FORMAT:
        raise Damaged(NAME, f"it is of format {found.format}, not {FORMAT}")
    return found
