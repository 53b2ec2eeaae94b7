"""Fields that take one of two types: a wrong value is complained about once, not for each type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError


def said_once(said: str, *, fix: str) -> WrapValidator:
    """Return the check of a field that says the same of every wrong value."""

    def check(value: object, checked: ValidatorFunctionWrapHandler) -> object:
        try:
            return checked(value)
        except ValidationError:
            raise PydanticCustomError("choice", "{said}", {"said": said, "fix": fix}) from None

    return WrapValidator(check)


def _of_its_kind(value: object, checked: ValidatorFunctionWrapHandler) -> object:
    """Complain of a text as of a text, of an object as of one, and of anything else once.

    Pydantic puts the type that it tried before the field: the name of a model, or the checks of a
    text, which are no name.
    """
    try:
        return checked(value)
    except ValidationError as error:
        if not isinstance(value, str | Mapping | BaseModel):
            said = {"said": "is neither an object nor a text", "fix": "give one of the two"}
            raise PydanticCustomError("choice", "{said}", said) from None
        found = [
            InitErrorDetails(
                type=PydanticCustomError(
                    one["type"],  # pyright: ignore[reportArgumentType]  # Its own texts.
                    one["msg"],  # pyright: ignore[reportArgumentType]  # As above.
                    one.get("ctx"),
                ),
                loc=one["loc"][1:],
                input=one["input"],
            )
            for one in error.errors(include_url=False)
            if str(one["loc"][0]).isidentifier() != isinstance(value, str)
        ]
        raise ValidationError.from_exception_data(error.title, found) from None


OBJECT_OR_TEXT: Final = WrapValidator(_of_its_kind)
"""The check of a field that takes an object, or a text in its place."""
