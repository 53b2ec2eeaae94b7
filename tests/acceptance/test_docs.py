"""The examples of the README and the tutorial, run as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.rounds import in_full_only

LIMIT_S = 240


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of one language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE
    )


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a reader who has installed Anabranch and set nothing else."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**kept, "PATH": path, "ANABRANCH_HOME": str(home)}


@in_full_only
@pytest.mark.timeout(LIMIT_S)
def test_the_tutorial_runs_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    """Every shell block of the tutorial succeeds in order, and its Python finds what it stored."""
    shell = blocks("docs/tutorial.md", "sh")
    (tmp_path / "tutorial.py").write_text(blocks("docs/tutorial.md", "python")[0])
    *before, stop = shell
    assert "anabranch down" in stop
    first, *rest = before
    started = "\n".join(line for line in first.splitlines() if "export PATH" not in line)
    script = "\n".join(
        [
            "set -euo pipefail",
            started,
            "trap 'anabranch down >&2 || true' EXIT",
            *rest,
            f"python {tmp_path / 'tutorial.py'}",
            stop,
            "trap - EXIT",
        ]
    )

    done = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=ROOT,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "take forty minutes" in done.stdout
    assert "The cache of the search service needs two gigabytes" in done.stdout
    digests = re.findall(r"^[0-9a-f]{64}\b", done.stdout, re.MULTILINE)
    assert len(set(digests)) == 1


@in_full_only
def test_the_six_lines_of_the_readme_remember_and_recall(tmp_path: Path) -> None:
    """The README's Python prints the insight it stored and how the lanes found it."""
    program = tmp_path / "readme.py"
    program.write_text(blocks("README.md", "python")[0])

    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Ada drinks green tea before her morning run" in done.stdout
    assert "meaning" in done.stdout


@pytest.mark.timeout(LIMIT_S)
@in_full_only
def test_memory_is_corrected_as_its_page_says(tmp_path: Path) -> None:
    """The page's programs run one after the other, and so does the tutorial's without `await`."""
    program = tmp_path / "page.py"
    pages = [
        *blocks("docs/how-to/correct-memory.md", "python"),
        blocks("docs/tutorial.md", "python")[1],
    ]
    program.write_text("\n".join(pages))

    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[:2] == ["True", "closed"]
    assert "Ada drinks green tea before her morning run" in lines
