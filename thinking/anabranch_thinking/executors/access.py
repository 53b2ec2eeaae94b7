"""Addresses and keys of the services that executors call; they come from settings alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExecutorAccess:
    """Where chat models are, and the keys for them; None is the service's own address, or no key.

    `http_key` is the bearer token for services that are called over HTTP; `github_url` is the REST
    API at which workflows are run.
    """

    openai_url: str | None = None
    openai_key: str | None = None
    anthropic_url: str | None = None
    anthropic_key: str | None = None
    http_key: str | None = None
    github_url: str = "https://api.github.com"
    github_token: str | None = None


NO_KEYS: Final = ExecutorAccess()
