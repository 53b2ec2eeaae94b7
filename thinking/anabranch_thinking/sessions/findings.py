"""Findings: the result of a branch, and insight drafts, which have no id yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, TypedDict

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from anabranch_events import NAME_LENGTH_MAX, input_invalid
from anabranch_events.errors import AnabranchError, InputInvalid
from anabranch_events.event.identifiers import Name, Text, in_utc, no_number, no_truth
from anabranch_events.event.types import Insight

if TYPE_CHECKING:
    from collections.abc import Callable

LEAD_LENGTH_MAX: Final = 500
ERROR_LENGTH_MAX: Final = 2000
_TERMINAL: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)")
Time = Annotated[datetime, BeforeValidator(no_number), AfterValidator(in_utc)]
"""A time, in UTC where it names no zone: a day alone is its first moment. A number is none."""


class InsightDraft(BaseModel):
    """One thing learned, before it is recorded, with the fields that every surface takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    text: Text = Field(description="What was learned, in words that carry their subject.")
    subject: Name | None = Field(
        default=None,
        description="Who or what it is about, or who said it, where the text does not name it.",
    )
    kind: Name = Field(
        default="observation",
        description="The kind of insight; recall leaves `derived` out unless it is asked for.",
    )
    confidence: Annotated[float, Field(ge=0, le=1), BeforeValidator(no_truth)] = Field(
        default=1.0, description="How sure, from 0 to 1."
    )
    tags: tuple[Name, ...] = Field(default=(), description="Labels of your own.")
    entities: tuple[Name, ...] | None = Field(
        default=None, description="Taken from text and subject where they are not given."
    )
    valid_from: Time | None = Field(default=None, description="Since when it holds in the world.")
    valid_until: Time | None = Field(default=None, description="Until when it holds in the world.")
    sources: tuple[Name, ...] = Field(
        default=(), description="Ids of insights, or other references, that it stands on."
    )

    @field_validator("valid_until")
    @classmethod
    def _ends_after_it_began(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        begins: datetime | None = info.data.get("valid_from")
        if begins is not None and until is not None and until <= begins:
            raise ValueError("is not after valid_from, so it would never hold")
        return until


class InsightFields(TypedDict, total=False):
    """The fields of an `InsightDraft` beside its text, as keyword arguments."""

    subject: str | None
    kind: str
    confidence: float
    tags: Sequence[str]
    entities: Sequence[str] | None
    valid_from: datetime | None
    valid_until: datetime | None
    sources: Sequence[str]


class Finding(BaseModel):
    """The result of a branch and the insights it gained; a text is an insight too."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    result: str
    insights: tuple[InsightDraft, ...] = ()

    if TYPE_CHECKING:  # It takes more than it holds: checkers of types know by this alone.

        def __init__(self, *, result: str, insights: Sequence[InsightDraft | str] = ()) -> None: ...

    @field_validator("insights", mode="before")
    @classmethod
    def _texts_are_drafts(cls, value: object) -> object:
        if isinstance(value, str) or not isinstance(value, Sequence):
            return value
        return tuple({"text": one} if isinstance(one, str) else one for one in value)

    @classmethod
    def of(cls, result: str) -> Finding:
        """Make a finding of plain text: its lead, a sentence or a few, is the insight."""
        return cls(result=result, insights=(draft_of(lead(result), {"kind": "finding"}),))


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


def error_text(error: Exception) -> str:
    """Return the text of `error` in a form that can be stored."""
    said = (
        error.message if isinstance(error, AnabranchError) else f"{type(error).__name__}: {error}"
    )
    return lead(plain(said), length_max=ERROR_LENGTH_MAX) or type(error).__name__


def draft_of(
    insight: InsightDraft | str, fields: InsightFields | Mapping[str, object] | None = None
) -> InsightDraft:
    """Return `insight` as a draft; `fields` go with a text.

    Raises InputInvalid naming the field that breaks a rule, and for fields beside a draft.
    """
    if isinstance(insight, InsightDraft):
        if fields:
            field = next(iter(fields))
            raise InputInvalid(
                f"{field}: is given beside a draft, which has it already",
                field=field,
                fix="set it in the InsightDraft, or give a text",
            )
        return insight
    if not isinstance(insight, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # Bytes pass for text.
        raise InputInvalid(
            f"text: is {type(insight).__name__}, not text", field="text", fix="give a str"
        )
    try:
        return InsightDraft.model_validate({"text": insight, **(fields or {})})
    except ValidationError as error:
        raise input_invalid(error, known=InsightDraft.model_fields) from error


def as_drafts(insights: Sequence[InsightDraft | str]) -> tuple[InsightDraft, ...]:
    """Return `insights` as drafts, in the same order. Raises InputInvalid."""
    if isinstance(insights, str):
        raise InputInvalid(
            "insights: is a text, not a list of them", field="insights", fix="put it into a list"
        )
    return tuple(draft_of(insight) for insight in insights)


def as_insight(
    draft: InsightDraft, *, insight_id: str, extract: Callable[[str], tuple[str, ...]]
) -> Insight:
    """Return the insight that `draft` becomes; `extract` finds its entities where it names none.

    Raises InputInvalid naming the field that breaks a rule.
    """
    entities = draft.entities
    if entities is None:
        names = [draft.subject, *extract(draft.text)]
        entities = tuple(
            dict.fromkeys(name for name in names if name and len(name) <= NAME_LENGTH_MAX)
        )
    try:
        return Insight.model_validate(
            {**vars(draft), "insight_id": insight_id, "entities": entities}
        )
    except ValidationError as error:
        raise input_invalid(error) from error
