"""The source of an index beside its log: with another one it begins anew."""

from __future__ import annotations

import unicodedata
from typing import Final

import Stemmer

INDEX_VERSION: Final = 8
"""Raise it when the same events come to give other columns, postings or links."""


def index_source(model: str | None, *, losses: str = "") -> str:
    """Return the source of an index: our version, the stemmer's, Unicode's, and the model.

    `losses` are those of the log that were accepted: what was lost must be in no file. Two hosts
    that agree in this give the same answers to the last bit.
    """
    stemmer: str = Stemmer.version()
    parts = [str(INDEX_VERSION), stemmer, unicodedata.unidata_version, model or "no model"]
    return "; ".join([*parts, losses] if losses else parts)
