"""The standard streams of a command, in any locale, under Ctrl-C and under SIGTERM."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from anabranch.cli.streams import given_arguments, prepare_streams, terminable
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

INTERRUPTING = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)

class AtImport:
    def find_spec(self, name, path=None, target=None):
        if name == WHERE:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, AtImport())
from anabranch.cli import main
main()
"""


@pytest.mark.parametrize(
    "where",
    ["anabranch.cli.application", "typer.core", "asyncio", "anabranch.settings", "rich.table"],
)
def test_ctrl_c_while_modules_are_imported_is_quiet(where: str, tmp_path: Path) -> None:
    """An interrupt in the middle of any import ends the command with 130, and without a word."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTING.replace("WHERE", repr(where)), "settings"],
        env={**os.environ, "ANABRANCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (130, "")


def test_ctrl_c_is_caught_before_anything_large_is_imported() -> None:
    """The little that comes before it does not even hold what almost every module imports."""
    script = (
        "import sys; had = set(sys.modules); import anabranch.cli.interrupt; "
        "print(*(set(sys.modules) - had))"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(ROOT / "app")},
        capture_output=True,
        text=True,
        check=True,
    )

    imported = set(done.stdout.split())
    assert {"anabranch", "anabranch.cli", "anabranch.cli.interrupt"} <= imported
    assert not imported & {"typing", "re", "contextlib", "importlib.metadata", "typer", "asyncio"}


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("ascii", "+ Z\\xfcrich -> \\u6771\\u4eac..."),
        ("latin-1", "+ Zürich -> \\u6771\\u4eac..."),
        ("cp1252", "+ Zürich -> \\u6771\\u4eac…"),
        ("utf-8", "✓ Zürich → 東京…"),
    ],
)
def test_any_encoding_takes_any_text(
    encoding: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks become ASCII where an encoding lacks them, other characters their codes."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)

    prepare_streams()
    stream.write("✓ Zürich → 東京…")
    stream.seek(0)

    assert stream.read() == written


def test_arguments_are_utf_8_in_a_locale_of_ascii(tmp_path: Path) -> None:
    """A text that Python took byte by byte is the text that was typed."""
    code = "import sys; from anabranch.cli.streams import given_arguments as g; "
    code += "sys.stdout.buffer.write(g(sys.argv[1:])[0].encode('utf-8'))"
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    done = subprocess.run(
        [sys.executable, "-c", code, "Zürich 東京 🚲"],
        env={**os.environ, **ascii_only},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode() == "Zürich 東京 🚲"


def test_what_is_no_utf_8_stays_as_it_is() -> None:
    """Bytes that are no text are refused later, by name; here nothing is lost."""
    assert given_arguments(["plain", "\udcff", "東京"]) == ["plain", "\udcff", "東京"]


def test_sigterm_cancels_what_runs_and_ends_with_its_code() -> None:
    """What runs cleans up; before and after, the signal is none of ours, nor is another's end."""
    seen: list[str] = []

    async def run(*, ended: bool) -> None:
        with terminable():
            try:
                if ended:
                    os.kill(os.getpid(), signal.SIGTERM)
                    await asyncio.sleep(PATIENCE_S)
            except asyncio.CancelledError:
                seen.append("cleaned up")
                raise

    before = signal.getsignal(signal.SIGTERM)
    asyncio.run(run(ended=False))
    with pytest.raises(SystemExit, match="143"):
        asyncio.run(run(ended=True))

    assert seen == ["cleaned up"]
    assert signal.getsignal(signal.SIGTERM) == before
