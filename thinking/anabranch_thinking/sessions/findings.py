"""What a branch brings back: a result, and insights that are still without an id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from anabranch_events import NAME_LENGTH_MAX, input_invalid
from anabranch_events.event.types import Insight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAD_LENGTH_MAX: Final = 500
_TERMINAL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)")


class InsightDraft(BaseModel):
    """One thing learned, before it is recorded; the rules of `Insight` are checked then.

    `entities` are taken from the text where they are not given. `sources` are the ids of insights,
    or other references, that it stands on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    kind: str = "observation"
    confidence: float = 1.0
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] | None = None
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    sources: tuple[str, ...] = ()


class Finding(BaseModel):
    """The result of a branch and the insights it gained."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    result: str
    insights: tuple[InsightDraft, ...] = ()

    @classmethod
    def of(cls, result: str) -> Finding:
        """Make a finding of plain text: its lead, a sentence or a few, is the insight."""
        return cls(result=result, insights=(InsightDraft(text=lead(result), kind="finding"),))


def lead(text: str, *, length_max: int = LEAD_LENGTH_MAX) -> str:
    """Return the start of `text`: whole sentences where they fill half of it, else words."""
    stripped = text.strip()
    if len(stripped) <= length_max:
        return stripped
    room = stripped[:length_max]
    ends = [match.end() for match in _SENTENCE_END.finditer(room)]
    if ends and ends[-1] * 2 >= length_max:
        return room[: ends[-1]]
    return room[: length_max - 1].rsplit(maxsplit=1)[0] + "…"


def plain(text: str) -> str:
    """Return `text` without terminal codes, control characters and lone surrogates."""
    return _CONTROL.sub("", _TERMINAL.sub("", text.replace("\r\n", "\n"))).strip()


def as_drafts(insights: Sequence[InsightDraft | str]) -> tuple[InsightDraft, ...]:
    """Return `insights` as drafts, in the same order."""
    return tuple(
        InsightDraft(text=insight) if isinstance(insight, str) else insight for insight in insights
    )


def as_insight(
    draft: InsightDraft, *, insight_id: str, extract: Callable[[str], tuple[str, ...]]
) -> Insight:
    """Return the insight that `draft` becomes; `extract` finds the entities it does not name.

    Raises InputInvalid naming the field that breaks a rule.
    """
    entities = draft.entities
    if entities is None:
        entities = tuple(name for name in extract(draft.text) if len(name) <= NAME_LENGTH_MAX)
    try:
        return Insight.model_validate(
            {**dict(draft), "insight_id": insight_id, "entities": entities}
        )
    except ValidationError as error:
        raise input_invalid(error) from error
