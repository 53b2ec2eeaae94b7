"""Rules by which decisions, failures, fixes and entities are found: few, and each to be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.values import list_of, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch.importers.records.model import ToolCall

ENTITIES_MAX: Final = 24
ENTITY_LENGTH_MAX: Final = 200
COMMAND_LENGTH_MAX: Final = 200
ERROR_LENGTH_MAX: Final = 300
COMMAND_READ_MAX: Final = 2000
OUTPUT_READ_MAX: Final = 64 * 1024
COMMANDS_KEPT: Final = 1024

_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?")
_DECIDED: Final = re.compile(
    r"(?i)^\W*(?:decision|decided)\s*:|\b(?:we|i|let's|they|you)(?:'ve| have|'ll| will)?(?: all)? "
    r"(?:decided|agreed|settled|opted|chose|concluded|go with|use .{1,60}\binstead of)\b"
    r"|\b(?:decided (?:to|on|against|that)|settled on|opted (?:for|to)|going with|will go with"
    r"|chose .{1,60}\bover\b|let's go with)\b"
)
_COMMAND_FIELDS: Final = ("command", "cmd", "script", "commands")
_FILE_FIELDS: Final = (
    "file_path",
    "filePath",
    "path",
    "notebook_path",
    "absolute_path",
    "target_file",
)
_CHANGES: Final = re.compile(r"(?i)edit|write|patch|create|replace|notebook|insert|delete|move")
_PATCHED: Final = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_SEGMENT: Final = re.compile(r"(?<!\s)\s*(?:&&|\|\||;|\||\n)\s*")
_PROGRAM: Final = re.compile(r"[A-Za-z0-9_][\w.+-]*")
_BEFORE: Final = frozenset({"sudo", "env", "time", "nice", "nohup", "command", "exec", "timeout"})
_NO_PROGRAM: Final = frozenset({"cd", "export", "set", "source", "true", "echo", "for", "if", "do"})
_INSTALLS: Final = {
    "pip": ("install",),
    "pip3": ("install",),
    "uv": ("add", "install"),
    "npm": ("install", "i", "add"),
    "pnpm": ("add", "install"),
    "yarn": ("add",),
    "cargo": ("add", "install"),
    "apt": ("install",),
    "apt-get": ("install",),
    "brew": ("install",),
    "go": ("get", "install"),
}
_ERROR: Final = re.compile(
    r"(?<!\w)\w*(?:Error|Exception)\b|(?i:\berror\b|\bfatal\b|not found|denied|panicked)"
)
_FAILED: Final = re.compile(r"(?i)fail|cannot|unable|missing|refused|invalid")
_SHELL: Final = re.compile(r"^(?:/bin/)?(?:ba|z)?sh\s+-l?c\s+")


def decisions_in(text: str) -> Iterator[str]:
    """Yield the sentences of a text that say that something was decided."""
    if not _may_decide(text.lower()):
        return
    for found in _SENTENCE.finditer(text):
        sentence = found[0].strip()
        if 12 <= len(sentence) <= 600 and _DECIDED.search(sentence):
            yield sentence


def _may_decide(lower: str) -> bool:
    """Tell quickly whether a text may hold what `_DECIDED` looks for; most texts do not."""
    return (  # Word by word: it runs for every text, and takes less than a generator's time.
        "decid" in lower
        or "decision" in lower
        or "agreed" in lower
        or "settled" in lower
        or "opted" in lower
        or "chose" in lower
        or "concluded" in lower
        or " with" in lower
        or "instead of" in lower
    )


def command_of(call: ToolCall) -> str | None:
    """Return the command line that a call ran; None where it ran none."""
    given = object_of(call.input)
    for name in _COMMAND_FIELDS:
        value = given.get(name)
        if isinstance(value, list):
            value = "\n".join(one if isinstance(one, str) else str(one) for one in list_of(value))
            if name == "command":
                value = value.replace("\n", " ")
        if text := text_of(value):
            return _SHELL.sub("", text.strip())
    return None


def shown_command(command: str) -> str:
    """Return a command as an insight quotes it: its first line, not at any length."""
    line = command.strip().splitlines()[0]
    return line if len(line) <= COMMAND_LENGTH_MAX else line[: COMMAND_LENGTH_MAX - 1] + "…"


def same_work(command: str) -> str:
    """Return by what two commands are attempts at the same: program and what it is to do."""
    for words in _commands(command):
        verb = [word for word in words[1:3] if not word.startswith("-")]
        return " ".join([words[0], *verb[:1]])
    return shown_command(command)


def names_in(command: str) -> tuple[str, ...]:
    """Return the programs that a command line runs, then the packages that it installs."""
    commands = _commands(command)
    programs = dict.fromkeys([words[0] for words in commands])
    packages = [name for words in commands if words[0] in _INSTALLS for name in _packages(words)]
    return (*programs, *packages)


def _packages(words: Sequence[str]) -> list[str]:
    """Return the packages that a command of an installer names."""
    verbs = _INSTALLS[words[0]]
    at = next((place for place, word in enumerate(words) if word in verbs), None)
    if at is None:
        return []
    rest = [word for word in words[at + 1 :] if re.fullmatch(r"@?[A-Za-z][\w./@=<>~!-]*", word)]
    return [re.split(r"(?<=.)[=<>~!@]", word, maxsplit=1)[0] for word in rest]


def files_in(call: ToolCall) -> list[str]:
    """Return the files that a call changed."""
    if not _CHANGES.search(call.name):
        return []
    given = object_of(call.input)
    found = [text for name in _FILE_FIELDS if (text := text_of(given.get(name)))]
    patch = call.input if isinstance(call.input, str) else given.get("patch", given.get("input"))
    if isinstance(patch, str):
        found += _PATCHED.findall(patch)
    return found


def error_in(output: str) -> str:
    """Return the line of an output that says best what went wrong: the last that names an error.

    It is looked for at the end; an output may have millions of lines.
    """
    lines = [line.strip() for line in output[-OUTPUT_READ_MAX:].splitlines() if line.strip()]
    named = [line for line in lines if _ERROR.search(line)]
    failed = [line for line in lines if _FAILED.search(line)]
    line = (named or failed or lines or [""])[-1]
    return line if len(line) <= ERROR_LENGTH_MAX else line[: ERROR_LENGTH_MAX - 1] + "…"


@lru_cache(maxsize=COMMANDS_KEPT)
def _commands(command: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of each command of a command line, each from its program on."""
    found: list[tuple[str, ...]] = []
    for segment in _SEGMENT.split(command.strip()[:COMMAND_READ_MAX]):
        words = [word.strip("\"'()") for word in segment.split()]
        while words and (words[0] in _BEFORE or "=" in words[0].split("/")[0]):
            words.pop(0)
        if words:
            words[0] = words[0].rsplit("/", 1)[-1]
            if _PROGRAM.fullmatch(words[0]) and words[0] not in _NO_PROGRAM:
                found.append(tuple(words))
    return tuple(found)


@dataclass(slots=True)
class Failure:
    """A command that failed, until one like it works."""

    insight_id: str
    command: str
    error: str


def entities_of(*groups: Any) -> tuple[str, ...]:
    """Return names of several groups, each once, as many and as long as an insight takes."""
    found = dict.fromkeys(
        name for group in groups for name in group if 1 < len(name) <= ENTITY_LENGTH_MAX
    )
    return tuple(found)[:ENTITIES_MAX]
