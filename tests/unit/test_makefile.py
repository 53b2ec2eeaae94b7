"""The Makefile: what it says where it cannot set up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

OLDER = """\
#!/bin/sh
exec {python} -c 'import sys; sys.version_info = (3, 10, 13); exec(sys.argv[2])' "$@"
"""


def test_an_older_python_is_named(tmp_path: Path) -> None:
    """`make install` by an older Python says which is needed, before anything is fetched."""
    older = tmp_path / "python3.10"
    older.write_text(OLDER.format(python=sys.executable))
    older.chmod(0o755)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")

    done = subprocess.run(
        ["make", "install", f"PYTHON={older}"],  # noqa: S607  The system's make.
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert f"Anabranch needs Python 3.11 or newer, and {older} is 3.10" in done.stderr
    assert not (tmp_path / ".venv").exists()
