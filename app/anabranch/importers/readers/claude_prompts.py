"""Records of the role user in Claude Code: those a person asked, and those a tool put in."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.put_in import without_elements, without_last_lines
from anabranch.importers.records.values import kind_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Container

_REMINDERS: Final = ("system-reminder", "ide_opened_file", "ide_selection", "local-command-caveat")
_NO_PROMPT: Final = re.compile(
    r"\s*(?:<(?:command-name|command-message|local-command-|bash-|task-notification|user-memory-input)"
    r"|\[Request interrupted by user|Caveat: The messages below)"
)
_ASKED_BY_COMMAND: Final = re.compile(
    r"\s*<command-message>[^<]*</command-message>"
    r"\s*<command-name>\s*(?P<name>/[^<\s]+)\s*</command-name>"
    r"(?:\s*<command-args>(?P<args>.*)</command-args>)?\s*\Z",
    re.DOTALL,
)
"""A command of the user's own, or a skill: its text is what the assistant is asked.

The tool's own commands, which it carries out itself, begin with their name.
"""
_COMMAND: Final = re.compile(r"<command-name>[^<]+</command-name>")
_INTERRUPTED: Final = re.compile(r"\s*\[Request interrupted by user")
_FORK: Final = "fork-boilerplate"
_DIRECTIVE: Final = re.compile(r"\AYour directive:\s*")
_WORKFLOW: Final = re.compile(r"\A\[Workflow harness [^\n]*follows:\n", re.DOTALL)
_COORDINATOR: Final = re.compile(r"\AThe coordinator sent a message(?: while you were working)?:")
_ADDRESS: Final = re.compile(r"Address this before completing your current task\.")
_SKILL: Final = re.compile(r"\ABase directory for this skill: [^\n]*\n+")


class Prompts:
    """Tells what a person asked from all else that stands in the records of the role user.

    The records of a command of the tool share an id with the caveat, or the summary, before them.
    Those of a skill that an agent carries out do so too: their ids are `carried_out`.
    """

    def __init__(self, carried_out: Container[str] = ()) -> None:
        self._commands: set[str] = set()
        self._carried_out = carried_out

    def asked(self, record: dict[str, Any]) -> str | None:
        """Return what a person asked, or for an agent its task; None where nobody did.

        To be called with every record, in order.
        """
        if kind_of(record) != "user":
            return None
        prompt_id = text_of(record.get("promptId"))
        content = object_of(record.get("message")).get("content")
        if kind_of(object_of(record.get("origin")), "kind") == "coordinator":
            return _asked_again(content)
        if record.get("isCompactSummary") or (record.get("isMeta") and _is_caveat(content)):
            self._commands.update({prompt_id} if prompt_id else ())
            return None
        if record.get("isMeta") or record.get("isVisibleInTranscriptOnly") or is_notice(record):
            return None
        text = plain_text(content)
        if text is None:
            return None
        if prompt_id in self._commands:
            is_skill = text.startswith("/") and prompt_id in self._carried_out
            return text.strip() if is_skill else None
        if has_results(content):
            return _directive(content)
        if (command := _ASKED_BY_COMMAND.match(text)) and not record.get("sourceToolUseID"):
            return " ".join(filter(None, (command["name"], (command["args"] or "").strip())))
        return None if _NO_PROMPT.match(text) else _computed(text).strip()


def _directive(content: Any) -> str | None:
    """Return what a copy of the assistant is to do: it stands beside the result of its own call."""
    for part in objects_of(content):
        text = str(part.get("text") or "")
        if kind_of(part) == "text" and f"<{_FORK}>" in text:
            return text_of(_DIRECTIVE.sub("", without_elements(text, _FORK).strip()))
    return None


def _asked_again(content: Any) -> str | None:
    """Return what an agent was asked again by the assistant that called it."""
    text = plain_text(content) or ""
    found = _COORDINATOR.match(text)
    return text_of(without_last_lines(text[found.end() :], _ADDRESS).strip()) if found else None


def _computed(text: str) -> str:
    """Return a task without the frame that a workflow puts around it, which indents its lines."""
    task, framed = _WORKFLOW.subn("", text, count=1)
    return textwrap.dedent(task) if framed else text


def skill_in(record: dict[str, Any]) -> str | None:
    """Return the text of a skill that an agent is to carry out; it is no prompt in a session."""
    text = plain_text(object_of(record.get("message")).get("content"))
    return text_of(_SKILL.sub("", text).strip()) if text and record.get("isMeta") else None


def is_interrupted(record: dict[str, Any]) -> bool:
    """Tell whether a record says that a person stopped the assistant."""
    text = plain_text(object_of(record.get("message")).get("content"))
    return kind_of(record) == "user" and bool(text and _INTERRUPTED.match(text))


def _is_caveat(content: Any) -> bool:
    return isinstance(content, str) and content.startswith(("<local-command-caveat>", "Caveat:"))


def is_notice(record: dict[str, Any]) -> bool:
    """Tell whether a record is a notice of the tool, and nothing that a person asked."""
    origin = kind_of(object_of(record.get("origin")), "kind")
    return (
        origin not in {"", "human", "user", "sdk"}
        or record.get("turnOrigin") == "task_notification"
        or record.get("promptSource") == "system"
    )


def has_results(content: Any) -> bool:
    """Tell whether a message gives the results of tools."""
    return any(kind_of(part) == "tool_result" for part in objects_of(content))


def why_no_prompt(record: dict[str, Any]) -> str:
    """Return as what a record is counted in which nobody asked."""
    if record.get("isMeta"):
        return "message of the tool itself"
    text = plain_text(object_of(record.get("message")).get("content")) or ""
    return "command of the tool" if _COMMAND.search(text) else "notice"


_CONTINUED: Final = re.compile(
    r"\AThis session is being continued from a previous [^\n]*\n+(?:Summary:\n)?"
)
_GO_ON: Final = re.compile(
    r"If you need specific details from before compaction"
    r"|(?:Please c|C)ontinue the conversation from where"
    r"|Recent messages are preserved verbatim"
    r"|The messages after this summary are"
)


def summary_in(text: str) -> str:
    """Return a compaction's summary without the tool's sentences before and after it."""
    return text_of(without_last_lines(_CONTINUED.sub("", text, count=1), _GO_ON)) or text


def is_put_in(text: str) -> bool:
    """Tell by its beginning whether a text is the tool's own: a command, its output, a notice."""
    return _NO_PROMPT.match(text) is not None


def plain_text(content: Any) -> str | None:
    """Return the text of a message without what the tool put in."""
    if isinstance(content, str):
        return text_of(without_elements(content, *_REMINDERS))
    parts = [
        found
        for part in objects_of(content)
        if kind_of(part) == "text"
        and (found := text_of(without_elements(str(part.get("text") or ""), *_REMINDERS)))
    ]
    return "\n\n".join(parts) or None
