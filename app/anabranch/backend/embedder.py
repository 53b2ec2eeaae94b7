"""The embedder that the settings name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from anabranch.backend.prompted_embedder import PromptedEmbedder
from anabranch.backend.shared_embedder import SharedEmbedder
from anabranch.errors import SettingInvalid
from anabranch_store import EmbeddingEndpoint, MiniLM, ModelFolder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.settings import Settings
    from anabranch_recall import Embedder


@asynccontextmanager
async def opened_embedder(settings: Settings) -> AsyncGenerator[Embedder | None]:
    """Yield the embedder of `settings`, or None where there shall be none.

    Raises SettingInvalid when a setting of it lacks, and EmbedderMissing when the model does.
    EmbedderRefused says that a folder holds none that is known here.
    """
    if settings.embedder == "none":
        yield None
    elif settings.embedder == "builtin":
        MiniLM.check_installed()
        yield SharedEmbedder(MiniLM())
    elif settings.embedder == "folder":
        folder = ModelFolder(
            _needed(settings, "embedder_folder"), dimension=settings.embedder_dimension
        )
        yield _prompted(
            folder, settings, text=folder.prompts.text, question=folder.prompts.question
        )
    else:
        async with _endpoint(settings) as endpoint:
            yield _prompted(endpoint, settings)


def _prompted(
    embedder: Embedder, settings: Settings, *, text: str = "", question: str = ""
) -> Embedder:
    """Return the embedder, shared, with the prefixes of the settings or those that are given."""
    asked_text, asked_question = settings.embedder_text_prefix, settings.embedder_question_prefix
    text = text if asked_text is None else asked_text
    question = question if asked_question is None else asked_question
    shared = SharedEmbedder(embedder)
    return PromptedEmbedder(shared, text=text, question=question) if text or question else shared


def _endpoint(settings: Settings) -> EmbeddingEndpoint:
    key = settings.embedder_key
    return EmbeddingEndpoint(
        _needed(settings, "embedder_url"),
        model=_needed(settings, "embedder_model"),
        dimension=_needed(settings, "embedder_dimension"),
        key=key.get_secret_value() if key else None,
        timeout_s=settings.request_timeout_s,
    )


def _needed(settings: Settings, name: str) -> Any:
    value = getattr(settings, name)
    if value is None:
        variable = f"ANABRANCH_{name.upper()}"
        raise SettingInvalid(
            f"{variable}: is not set, and ANABRANCH_EMBEDDER is {settings.embedder}",
            field=variable,
            fix=f"set {variable}, or another ANABRANCH_EMBEDDER",
        )
    return value
