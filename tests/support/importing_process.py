"""An import as a process of its own, which says its peak of memory in MB: `python -m tests.support.importing_process`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events import Log
from tests.support.peak import peak_mb


async def main(url: str, token: str, namespace: str, folder: str) -> None:
    """Import what lies in a folder."""
    async with Log.connect(url, token=token) as log:
        importer = Importer(log, ImportOptions(namespace))
        await importer.sources(sources_below([Path(folder)]), stored=lambda _, __: None)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    sys.stdout.write(f"{peak_mb()}\n")
