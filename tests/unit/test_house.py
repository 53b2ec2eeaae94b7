"""The house rules that a machine can check: dependencies, locks, public names, licences."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import ROOT
from tests.support.rooms import modules, others_use, rooms, said

PACKAGES = (
    "anabranch",
    "anabranch_events",
    "anabranch_projections",
    "anabranch_recall",
    "anabranch_store",
    "anabranch_thinking",
)
FRAMEWORKS = (
    "claude-agent-sdk",
    "langchain",
    "langgraph",
    "langgraph-postgres",
    "llama-index",
    "openai-agents",
)
"""The extras of frameworks, each of which its users choose for themselves."""
MODELS = ("anthropic", "openai")
"""The extras of the clients of chat models, likewise."""
CLUSTERS = ("slurm",)
"""The extras of schedulers, on whose machines alone they are of use."""


def project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def package_names(requirements: list[str]) -> set[str]:
    """Return the bare names of requirement lines."""
    return {re.split(r"[\[<>=!~ ]", line, maxsplit=1)[0] for line in requirements}


def test_every_dependency_says_what_it_is_for() -> None:
    """docs/dependencies.md has a section for the base and each extra, with a line a dependency."""
    declared = project()["project"]
    extras = declared["optional-dependencies"]
    wanted = {"Always": package_names(declared["dependencies"])}
    wanted |= {f"`{name}`": package_names(extras[name]) for name in extras if name != "all"}

    sections = (ROOT / "docs/dependencies.md").read_text().split("\n## ")[1:]
    documented = {
        section.partition("\n")[0]: set(
            re.findall(r"^\| `([a-z0-9-]+)` \|", section, flags=re.MULTILINE)
        )
        for section in sections
    }

    assert documented == {name: found - {"anabranch"} for name, found in wanted.items()}


def test_all_is_every_extra() -> None:
    """The extra `all` names each other one, but for the engine that is a trial, frameworks and models."""
    extras = project()["project"]["optional-dependencies"]

    wanted = sorted(set(extras) - {"all", "embedded-native", *FRAMEWORKS, *MODELS, *CLUSTERS})
    assert extras["all"] == [f"anabranch[{','.join(wanted)}]"]


def test_a_producer_installs_neither_driver_nor_model() -> None:
    """The lock of the base has no graph's driver, no model and no service frame."""
    locked = (ROOT / "requirements/base.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", locked, flags=re.MULTILINE))

    assert "nats-py" in pinned
    assert pinned & {"neo4j", "numpy", "onnxruntime", "tokenizers", "faststream"} == set()


@pytest.mark.parametrize("lock", ["all", "base", "dev", "runtime", "uv"])
def test_locks_carry_hashes_and_no_addresses(lock: str) -> None:
    """Every locked package has a hash, and no lock names a server."""
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*==[^\\\n]*(\\?)$", text, flags=re.MULTILINE)

    assert pinned
    assert all(pinned), "a package without hashes"
    assert "://" not in text


def test_the_lock_pins_what_the_project_pins() -> None:
    """The two servers' wheels are the same in pyproject.toml and in the lock."""
    locked = (ROOT / "requirements/all.txt").read_text()

    for requirement in project()["project"]["optional-dependencies"]["embedded"]:
        if not requirement.startswith("anabranch["):
            assert re.search(rf"^{re.escape(requirement)}\b", locked, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_are_all_there_is(name: str) -> None:
    """`__all__` names what the package's `__init__` imports or offers: no more, no less."""
    package = importlib.import_module(name)
    if name != "anabranch_recall":  # It raises nothing of its own.
        importlib.import_module(f"{name}.errors")
    tree = ast.parse(Path(str(package.__file__)).read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("anabranch")
        for alias in node.names
    }

    assert set(package.__all__) == imported
    assert [each for each in package.__all__ if not hasattr(package, each)] == []
    assert package.__doc__


def test_readme_is_short() -> None:
    """The README stays within 120 lines."""
    lines = (ROOT / "README.md").read_text().splitlines()

    assert 40 <= len(lines) <= 120


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as a reader on the web gets them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    shown = (re.sub(r"[`*]|\]\(.*?\)", "", one) for one in re.findall(r"(?m)^#+ (.*)$", text))
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in shown}


def test_relative_links_in_docs_lead_somewhere() -> None:
    """Every link of the README, CONTRIBUTING and docs/ names a file, and a heading of it."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = {
        (page, target, anchor)
        for page in pages
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)#?([^)\s]*)\)", page.read_text())
        if ":" not in target + anchor
    }
    anchors = {page: headings(page) for page in pages}
    broken = [
        f"{page.relative_to(ROOT)}: {target}#{anchor}"
        for page, target, anchor in sorted(links)
        if not (found := (page.parent / target).resolve() if target else page).exists()
        or (anchor and anchor not in anchors.get(found, ()))
    ]

    assert len(links) > 100
    assert broken == []


def test_every_page_of_the_docs_is_linked() -> None:
    """From the README one gets to each page of docs/ by links alone."""
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        linked = re.findall(r"\]\(([^)#:\s]+\.md)", page.read_text())
        waiting += {(page.parent / one).resolve() for one in linked} - seen

    assert set((ROOT / "docs").rglob("*.md")) - seen == set()


def too_wide(page: Path) -> list[str]:
    """Return where a page's prose is wider than 120 columns; tables and code may be."""
    found: list[str] = []
    in_code = False
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        in_code ^= line.lstrip().startswith("```")
        prose = not in_code and not line.startswith(("|", " " * 4))
        if prose and len(line) > 120 and " " in line[:120].strip():
            found.append(f"{page.relative_to(ROOT)}:{number}: {len(line)} columns")
    return found


def test_prose_stays_within_120_columns() -> None:
    """So do all pages that are written by hand; `docs/generate.py` sets no line ends."""
    pages = {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")}
    made = {page for page in pages if "`python docs/generate.py`" in page.read_text()[:1000]}

    assert 5 < len(made) < len(pages - made)
    assert [fault for page in sorted(pages - made) for fault in too_wide(page)] == []


def test_workers_take_whole_groups(request: pytest.FixtureRequest) -> None:
    """Side by side, modules stay together: each then starts its servers once, and Neo4j is one's."""
    by_groups = request.config.getoption("loadgroup", default=False)

    assert not by_groups or request.node.nodeid.endswith("@tests/unit/test_house.py")


@pytest.mark.parametrize("room", rooms())
def test_a_room_names_what_others_use(room: str) -> None:
    """A room's docstring lists the names that modules outside of it import, and no others.

    `python -m tests.support.rooms` writes the lists.
    """
    assert said(room) == others_use(room)


def test_a_header_of_the_server_has_one_name() -> None:
    """Where a constant of the events part holds it, none beside it does."""
    held: dict[str, list[str]] = {}
    ours = {name: path for name, path in modules().items() if name.startswith("anabranch_events.")}
    for name, path in ours.items():
        for node in ast.parse(path.read_text()).body:
            value = node.value if isinstance(node, ast.AnnAssign) else None
            text = value.value if isinstance(value, ast.Constant) else None
            if str(text).startswith("Nats-"):
                held.setdefault(str(text), []).append(name)

    assert len(held) > 2
    assert {text: names for text, names in held.items() if len(names) > 1} == {}


def test_nothing_waits_by_what_loses_a_cancellation() -> None:
    """Before Python 3.12 `asyncio.wait_for` returns an answer that comes with a cancellation.

    The task then goes on, and who waits for its end waits for ever. `asyncio.timeout` keeps both.
    """
    waiting = [name for name, path in modules().items() if "asyncio.wait_for(" in path.read_text()]

    assert waiting == []


def test_faststream_stays_in_two_rooms() -> None:
    """Only `commands` and `service` import FastStream, and its private names for types alone."""
    rooms_of_it: set[str] = set()
    private: list[str] = []
    for name, path in modules().items():
        if "faststream" not in (text := path.read_text()):
            continue
        tree = ast.parse(text)
        for_types = {id(node) for block in type_checking_blocks(tree) for node in ast.walk(block)}
        for node in faststream_imports(tree):
            rooms_of_it.add(".".join(name.split(".")[:2]))
            parts = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            if id(node) not in for_types and any(part.startswith("_") for part in parts):
                private.append(f"{name}: {ast.unparse(node)}")

    assert rooms_of_it == {"anabranch.commands", "anabranch.service"}
    assert private == []


def type_checking_blocks(tree: ast.Module) -> list[ast.If]:
    """Return the blocks that only a type checker reads."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]


def faststream_imports(tree: ast.Module) -> list[ast.ImportFrom]:
    """Return every import from FastStream; `import faststream` is not how we write it."""
    assert not any(
        isinstance(node, ast.Import) and any(a.name.startswith("faststream") for a in node.names)
        for node in ast.walk(tree)
    )
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "faststream"
    ]
