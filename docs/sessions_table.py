"""Which sessions of which tool are read rightly: `reference/sessions.md`, from the tests' cases."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tests.support.repository import ROOT
from tests.support.transcripts import cases, scenarios, told

from anabranch.importers.readers.catalogue import READERS, sources_below

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIOS: Final = (
    "plain",
    "tools",
    "sub-agent",
    "parallel",
    "nested",
    "fork",
    "resume",
    "rewind",
    "compaction",
)
_NOT_SEEN: Final = "not seen"
_WHY_NOT: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "a": (
        ("chatgpt fork", "claude-ai fork", "langgraph-sqlite fork", "langgraph-postgres fork"),
        "the file has one tree a conversation: what left it reads as a rewind",
    ),
    "b": (
        tuple(f"{tool} {one}" for tool in ("mcp-memory", "handoffs") for one in SCENARIOS),
        "it holds facts and no talk; they are read as facts",
    ),
    "c": (
        ("cline rewind",),
        "going back makes a session of its own: it reads as a fork",
    ),
    "d": (("copilot-cli rewind",), "a rewind takes the events out of the file"),
    "e": (("openai-agents rewind",), "`pop_item` deletes the rows: nothing is left to read"),
    "f": (
        tuple(
            f"{tool} {one}"
            for tool in (
                "otel",
                "langfuse",
                "mastra",
                "mlflow",
                "openai-agents-v2",
                "openinference-agno",
                "openinference-autogen",
                "openinference-crewai",
                "openinference-langchain",
                "openinference-llama-index",
                "openinference-openai-agents",
                "anthropic",
                "semantic-kernel",
                "strands-agents",
                "traceloop-langchain",
                "traceloop-openai-agents",
            )
            for one in ("fork", "resume", "rewind", "compaction")
        ),
        "the conventions for spans have no name for it",
    ),
    "g": (
        (
            "openai-agents nested",
            *(f"pydantic-ai {one}" for one in ("sub-agent", "parallel", "nested")),
        ),
        "an agent that is a tool keeps its own items nowhere",
    ),
    "h": (
        ("openai-agents compaction",),
        "the session is cleared, and what the vendor returns is put in its place",
    ),
    "j": (("gemini-cli nested", "goose nested"), "its agents have no tool that calls another"),
    "k": (("pydantic-ai rewind",), "the program cuts the list: it holds nothing of what was left"),
    "l": (("google-adk fork",), "the library forks no session"),
    "m": (
        tuple(f"crush {one}" for one in ("fork", "resume", "rewind")),
        "no registry at hand offers a release to run: it is read as its description says",
    ),
    "n": (("goose rewind",), "an edit of a session deletes the rows: nothing is left to read"),
}
_INTRODUCTION: Final = (
    "# Sessions of other tools",
    "Made by `python docs/generate.py` from the files and tests of the readers. It says which "
    "sessions [are brought in](../how-to/bring-your-sessions.md) as they happened.",
    "- **right**: a file that this release wrote is read, and all of it is what happened: tasks, "
    "results, texts in order, parents and places.\n"
    "- *made*: the same of a file that a test makes by the newest form that is known. The own "
    "libraries of LangGraph, the OpenAI Agents SDK and OpenTelemetry wrote theirs.\n"
    "- not seen: no test shows it. It may be right.\n"
    "- A letter: why it cannot be so, or could not be tried; see below.",
    "In parallel are two agents of one caller, each of which began before the other ended: by their "
    "times, or by the order in the file where it has one time for both.",
)


def page() -> str:
    """Return the page: a row a release, a column a scenario."""
    right: dict[tuple[str, str], dict[str, list[str]]] = {}
    for case in cases():
        tool, _, version = case.parent.name.rpartition("-")
        for source in sources_below([case]):
            found = told(READERS[source.tool].read(source))
            for one in scenarios(case, found):
                shown = right.setdefault((tool, version), {})
                shown[one] = [*dict.fromkeys([*shown.get(one, []), case.name])]
        right.setdefault((tool, version), {})
    seen = {tool for tool, _ in right}
    made = dict(_made())
    released = sorted(right, key=_place)
    rows = [*released, *((tool, "") for tool in READERS if tool not in seen)]
    newest = dict(rows)
    lines = [
        "| tool | version | " + " | ".join(SCENARIOS) + " |",
        "|---" * (len(SCENARIOS) + 2) + "|",
    ]
    for tool, version in rows:
        shown = right.get((tool, version), {})
        by_test = made if newest[tool] == version else {}
        cells = [_cell(tool, one, shown, by_test) for one in SCENARIOS]
        lines.append(f"| `{tool}` | {version or 'none'} | {' | '.join(cells)} |")
    reasons = [f"- {letter}: {why}." for letter, (_, why) in _WHY_NOT.items()]
    files = [
        f"- `{tool}` {version}: {', '.join(sorted({name for of in shown.values() for name in of}))}"
        for (tool, version), shown in ((one, right[one]) for one in released)
        if shown
    ]
    parts = [
        *_INTRODUCTION,
        "\n".join(lines),
        "\n".join(reasons),
        "## The files",
        "They are in `tests/fixtures/transcripts`, a folder each. Version none: no release was run.",
        "\n".join(files),
    ]
    return "\n\n".join(parts) + "\n"


def _place(row: tuple[str, str]) -> tuple[str, list[int]]:
    """Return where a release stands: 0.8 comes before 0.61."""
    return row[0], [int(part) for part in row[1].split(".")]


def _cell(tool: str, scenario: str, right: dict[str, list[str]], made: dict[str, str]) -> str:
    name = f"{tool} {scenario}"
    if scenario in right:
        return "**right**"
    if name in made:
        return "*made*"
    return next((letter for letter, (names, _) in _WHY_NOT.items() if name in names), _NOT_SEEN)


def _made() -> Iterator[tuple[str, str]]:
    """Yield "tool scenario" and the test that is marked as showing it."""
    for path in sorted((ROOT / "tests").glob("*/app/importers/**/test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "shows":
                    tool, *shown = (ast.literal_eval(one) for one in mark.args)
                    for scenario in shown:
                        if tool not in READERS or scenario not in SCENARIOS:
                            raise ValueError(
                                f"{path.name}: no reader or scenario {tool} {scenario}"
                            )
                        yield f"{tool} {scenario}", getattr(node, "name", "")
