"""Prompts that begin as what a tool puts in, or carries out itself: they are asked all the same."""

from __future__ import annotations

from typing import Any

import pytest

from anabranch.importers.readers import cline, codex_items, pi_entries


def openclaw(text: str) -> dict[str, Any]:
    """Return an entry of OpenClaw with a text of a person."""
    return {"message": {"role": "user", "content": text, "__openclaw": {"id": 1}}}


@pytest.mark.parametrize(
    "text",
    [
        "/model/train.py fails to load, why?",
        "/status.json is empty",
        "/new-tab does nothing",
        "/help's text is wrong",
        "/modelling is slow",
    ],
)
def test_a_path_that_begins_as_a_command_of_openclaw_is_asked(text: str) -> None:
    """The name of a command ends with a space, a colon or the text."""
    assert pi_entries.asked_in(openclaw(text)) == text


@pytest.mark.parametrize("text", ["/model", "/model gpt", "/think: high", "/new\nGo on."])
def test_a_command_of_openclaw_is_asked_by_nobody(text: str) -> None:
    """It is carried out by the tool, and kept as if it had been asked."""
    assert pi_entries.asked_in(openclaw(text)) is None


def test_an_element_whose_name_begins_as_that_of_cline_is_part_of_the_prompt() -> None:
    """Only the elements that the tool adds are taken out."""
    told = "<file_content path='a'>x</file_content>"
    own = "<file_content-type>y</file_content> is not closed"

    assert cline.asked_in({"content": f"{told} {own}"}) == own


@pytest.mark.parametrize("text", ["<div> does not close, why?", "<br>\nis what I see </p>"])
def test_a_prompt_that_begins_with_an_element_is_asked_of_codex(text: str) -> None:
    """Releases of old did not name the kinds of texts: what they put in is one whole element."""
    put_in = (
        "<environment_context>\n<cwd>/srv</cwd>\n</environment_context>\n",
        "<permissions instructions>\nAsk.\n</permissions instructions>",
        "# AGENTS.md instructions for /srv",
    )

    texts = [text, *put_in]

    content = [{"type": "input_text", "text": one} for one in texts]
    assert codex_items.asked_in({"content": content}) == text
