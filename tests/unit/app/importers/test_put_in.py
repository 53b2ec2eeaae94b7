"""Texts that a tool puts beside what a person wrote: they are no part of a prompt or a summary."""

from __future__ import annotations

from time import thread_time
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.importers.readers import cline, codex_items, gemini_messages, pi_entries, qwen_talk
from anabranch.importers.readers.claude_prompts import (
    Prompts,
    plain_text,
    summary_in,
    why_no_prompt,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def texts(*given: str) -> list[dict[str, Any]]:
    """Return the parts of a message."""
    return [{"text": text} for text in given]


NAMED = texts(
    "@log.txt What if it is fog?",
    "\n--- Content from referenced files ---",
    "\nContent from @log.txt:\n",
    "oil 4 l",
    "\n--- End of content ---",
)


def test_a_file_that_a_prompt_of_gemini_names_is_no_part_of_it() -> None:
    """Its text follows the prompt in parts of the same message."""
    node = gemini_messages.text_in({"type": "user", "content": NAMED})

    assert node == "@log.txt What if it is fog?"


def test_what_stands_behind_the_files_of_a_prompt_is_part_of_it() -> None:
    """The parts between the two marks are left out, and no others."""
    content = [*NAMED, *texts("And the horn?")]

    asked = qwen_talk.asked_in({"type": "user", "message": {"parts": content}})

    assert asked == "@log.txt What if it is fog?\n\nAnd the horn?"


def test_a_reminder_before_a_prompt_of_qwen_is_no_part_of_it() -> None:
    """It stands in a part of its own, or before the text."""
    reminder = "<system-reminder>\n2 agents were restored.\n</system-reminder>\n\n"
    parts = texts(reminder, f"{reminder}Check the lamp.")

    assert qwen_talk.asked_in({"type": "user", "message": {"parts": parts}}) == "Check the lamp."
    assert qwen_talk.asked_in({"type": "user", "message": {"parts": texts(reminder)}}) is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('<file name="/srv/log.txt">\noil 4 l\n</file>\nWhat now?', "What now?"),
        ('<file name="a.png"></file>\n<file name="b">x</file>\nLook.', "Look."),
        ('<file name="a.png"></file>\n', None),
        ('See <file name="a">x</file>', 'See <file name="a">x</file>'),
    ],
)
def test_a_file_before_a_prompt_of_pi_is_no_part_of_it(text: str, asked: str | None) -> None:
    """The tool puts files before the prompt; what a person wrote within it stays."""
    assert pi_entries.asked_in({"message": {"role": "user", "content": text}}) == asked


@pytest.mark.parametrize("kind", ["inter_session", "internal_system"])
def test_an_event_of_openclaw_itself_is_asked_by_nobody(kind: str) -> None:
    """Its provenance says from where it came; a person's says so too, or nothing."""
    message: dict[str, Any] = {"role": "user", "content": "[event]", "provenance": {"kind": kind}}
    person = {**message, "provenance": {"kind": "external_user"}}

    assert pi_entries.asked_in({"message": message}) is None
    assert pi_entries.asked_in({"message": person}) == "[event]"


def image(*beside: dict[str, Any]) -> dict[str, Any]:
    """Return a message of Codex with an image, and the kinds that the tool gives its parts."""
    content = [
        {"type": "input_text", "text": '<image name=[Image #1] path="a.png">'},
        {"type": "input_image", "image_url": "data:"},
        {"type": "input_text", "text": "</image>"},
        *beside,
    ]
    kinds = ["user.image" if "image_url" in part else "user.text" for part in content]
    passed = {"content_item_kinds": kinds}
    return {"content": content, "internal_chat_message_metadata_passthrough": passed}


def test_the_tags_around_an_image_are_no_part_of_a_prompt_of_codex() -> None:
    """They are named as texts of the user; without an image beside them they are one."""
    asked = {"type": "input_text", "text": "Count the boats."}
    tag = {"type": "input_text", "text": "</image>"}

    assert codex_items.asked_in(image(asked)) == "Count the boats."
    assert codex_items.asked_in(image()) is None
    assert codex_items.asked_in(image(asked, tag)) == "Count the boats.\n\n</image>"


def command(text: str, **more: object) -> dict[str, Any]:
    """Return a record of Claude Code with the text of a command."""
    return {"type": "user", "message": {"content": text}, **more}


def test_a_command_of_a_persons_own_is_asked_of_claude() -> None:
    """Its record begins with its message; the tool's own commands begin with their name."""
    own = (
        "<command-message>nightly</command-message>\n<command-name>/nightly</command-name>\n"
        "<command-args>Ada, at 5 < 6</command-args>"
    )
    bare = "<command-message>x is busy…</command-message>\n<command-name>/x:y</command-name>"
    tools = "<command-name>/clear</command-name>\n<command-message>clear</command-message>"
    skill = "<command-message>a skill</command-message>\n<command-name>pdf</command-name>"

    assert Prompts().asked(command(own)) == "/nightly Ada, at 5 < 6"
    assert Prompts().asked(command(bare)) == "/x:y"
    assert [Prompts().asked(command(text)) for text in (tools, skill)] == [None, None]
    assert Prompts().asked(command(own, sourceToolUseID="t1")) is None


@pytest.mark.parametrize("lead", [".", " is here:"])
def test_a_summary_of_claude_is_without_the_sentences_of_the_tool(lead: str) -> None:
    """One leads it in, and some say how to go on; a colon in the summary itself cuts nothing."""
    own = "The lamp: it turns.\n\nContinue the conversation from where it was: no.\n\nThe end."
    given = (
        f"This session is being continued from a previous talk{lead}\n\n{own}\n\n"
        "If you need specific details from before compaction, read: /srv/x.jsonl\n"
        "Continue the conversation from where it left off.\n\n"
        "The messages after this summary are kept.\n"
    )

    assert summary_in(given) == own


def test_a_summary_of_qwen_is_without_the_sentence_of_the_tool() -> None:
    """It says how to go on."""
    text = "The lamp turns.\n\nResume the prior task using the summary above. Go on."
    history = [{"role": "user", "parts": texts(text)}]
    record = {"uuid": "1", "systemPayload": {"compressedHistory": history}}

    (summary,) = qwen_talk.summary_of(record, "line", None)

    assert summary.text == "The lamp turns."


def _summary_of_qwen(text: str) -> str:
    history = [{"role": "user", "parts": texts(text)}]
    record = {"uuid": "1", "systemPayload": {"compressedHistory": history}}
    return next(iter(qwen_talk.summary_of(record, "line", None))).text


def _asked_of_qwen(text: str) -> str | None:
    return qwen_talk.asked_in({"type": "user", "message": {"parts": texts(text)}})


def _asked_of_cline(text: str) -> str | None:
    return cline.asked_in({"role": "user", "content": [{"type": "text", "text": text}]})


RESUMED = "Resume the prior task using the summary above."
LONG: dict[str, tuple[Callable[[str], object], str, str, str]] = {
    "line ends in a summary of Claude": (summary_in, "x", "\n", "y"),
    "sentences in a summary of Claude": (
        summary_in,
        "x",
        "\nRecent messages are preserved verbatim",
        "\ny",
    ),
    "blanks in a summary of Claude": (
        summary_in,
        "x\nRecent messages are preserved verbatim",
        " ",
        "y",
    ),
    "line ends in a summary of Qwen": (_summary_of_qwen, "x", "\n", "y"),
    "blanks in a summary of Qwen": (_summary_of_qwen, f"x\n{RESUMED}", "\n", "y"),
    "reminders of Claude": (plain_text, "x", "<system-reminder>", "y"),
    "reminders of Qwen": (_asked_of_qwen, "x", "<system-reminder>", "y"),
    "elements of Cline": (_asked_of_cline, "x", "<system_reminder>", "y"),
    "a command's name": (lambda text: why_no_prompt(command(text)), "<command-name>", " ", "y"),
}


@pytest.mark.parametrize(("look", "first", "repeated", "last"), LONG.values(), ids=LONG)
def test_a_long_text_takes_time_in_proportion(
    look: Callable[[str], object], first: str, repeated: str, last: str
) -> None:
    """A quarter of a MB takes milliseconds; where each place is looked at from each, minutes."""
    text = f"{first}{repeated * (250_000 // len(repeated))}{last}"
    began = thread_time()

    look(text)

    assert thread_time() - began < 2
