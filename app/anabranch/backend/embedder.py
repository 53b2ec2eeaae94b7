"""The embedder that the settings name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from anabranch.backend.shared_embedder import SharedEmbedder
from anabranch.errors import SettingInvalid
from anabranch_store import EmbeddingEndpoint, MiniLM

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.settings import Settings
    from anabranch_recall import Embedder

T = TypeVar("T")


@asynccontextmanager
async def opened_embedder(settings: Settings) -> AsyncGenerator[Embedder | None]:
    """Yield the embedder of `settings`, or None where there shall be none.

    Raises SettingInvalid when an endpoint is wanted and something of it is not set, and
    EmbedderMissing when what makes the vectors is not installed.
    """
    if settings.embedder == "none":
        yield None
    elif settings.embedder == "builtin":
        MiniLM.check_installed()
        yield SharedEmbedder(MiniLM())
    else:
        async with _endpoint(settings) as endpoint:
            yield SharedEmbedder(endpoint)


def _endpoint(settings: Settings) -> EmbeddingEndpoint:
    key = settings.embedder_key
    return EmbeddingEndpoint(
        _needed(settings.embedder_url, "ANABRANCH_EMBEDDER_URL"),
        model=_needed(settings.embedder_model, "ANABRANCH_EMBEDDER_MODEL"),
        dimension=_needed(settings.embedder_dimension, "ANABRANCH_EMBEDDER_DIMENSION"),
        key=key.get_secret_value() if key else None,
        timeout_s=settings.request_timeout_s,
    )


def _needed(value: T | None, variable: str) -> T:
    if value is None:
        raise SettingInvalid(
            f"{variable}: is not set, and ANABRANCH_EMBEDDER is endpoint",
            field=variable,
            fix=f"set {variable}, or another ANABRANCH_EMBEDDER",
        )
    return value
