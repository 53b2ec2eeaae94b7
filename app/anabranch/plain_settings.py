"""The settings that a call of a running `anabranch up` needs, where no other one is set.

The models of all settings take longer to import than such a call takes. A test holds both together.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

READ: Final = frozenset({"ANABRANCH_AGENT", "ANABRANCH_HOME", "ANABRANCH_NAMESPACE"})
OF_OWNERS: Final = {
    "ANABRANCH_CLOSE_TIMEOUT_S": "[1-9][0-9]{0,3}",
    "ANABRANCH_CONSOLIDATE": "true|false",
    "ANABRANCH_DURABILITY": "default|strict",
    "ANABRANCH_EMBEDDED_ENGINE": "jvm|native",
    "ANABRANCH_EXECUTOR_KEY": "[!-~]+",
    "ANABRANCH_GITHUB_TOKEN": "[!-~]+",
    "ANABRANCH_GITHUB_URL": r"https?://[!-~]+",
    "ANABRANCH_GRAPH_PORT": "[0-9]{1,4}",
    "ANABRANCH_HEDGE": "none|critical|high|normal|low",
    "ANABRANCH_HTTP_EXECUTORS": r"[\w.:, ]{1,1000}",
    "ANABRANCH_LABEL_WAIT_S": r"[1-5]?[0-9](?:\.[0-9]{1,3})?",
    "ANABRANCH_NATS_PORT": "[0-9]{1,4}",
    "ANABRANCH_OTLP_PORT": "[0-9]{1,4}",
    "ANABRANCH_OTLP_WAIT_S": "[1-9][0-9]{0,3}",
    "ANABRANCH_POOL_ACCOUNT": r"[A-Za-z0-9_][\w.@:-]{0,99}",
    "ANABRANCH_POOL_CORES": "[1-9][0-9]{0,2}",
    "ANABRANCH_POOL_QUEUE": r"[A-Za-z0-9_][\w.@:-]{0,99}",
    "ANABRANCH_POOL_TIME_LIMIT_S": "[1-9][0-9]{3,5}",
    "ANABRANCH_QUERY_BYTES_MAX": "[1-9][0-9]{3,9}",
    "ANABRANCH_QUERY_ROWS_MAX": "[1-9][0-9]{0,9}",
    "ANABRANCH_QUERY_TIMEOUT_S": "[1-9][0-9]{0,3}",
    "ANABRANCH_RANKER": "graph|index",
    "ANABRANCH_ROLES": r"[\w.~/][\w.~/ -]{0,4000}",
    "ANABRANCH_START_TIMEOUT_S": "[1-9][0-9]{0,3}",
    "ANABRANCH_SYNTHESIS_MODEL": "(?:openai|anthropic)://[!-~]{1,200}",
    "ANABRANCH_SYNTHESIS_TIMEOUT_S": "[1-9]|[1-4][0-9]",
    "ANABRANCH_SYNTHESIS_TOKENS_MAX": "[1-9][0-9]{2,3}",
    "ANABRANCH_TAKE_OVER": "true|false",
    "ANTHROPIC_API_KEY": "[!-~]+",
    "ANTHROPIC_BASE_URL": "[!-~]+",
    "OPENAI_API_KEY": "[!-~]+",
    "OPENAI_BASE_URL": "[!-~]+",
    "OTEL_TRACES_EXPORTER": "[a-z_]+",
}
"""Variables that change nothing of such a call, by what is clearly valid for them."""
OTHERS: Final = frozenset(
    {
        "ANABRANCH_EMBEDDER",
        "ANABRANCH_EMBEDDER_DIMENSION",
        "ANABRANCH_EMBEDDER_FOLDER",
        "ANABRANCH_EMBEDDER_KEY",
        "ANABRANCH_EMBEDDER_MODEL",
        "ANABRANCH_EMBEDDER_QUESTION_PREFIX",
        "ANABRANCH_EMBEDDER_TEXT_PREFIX",
        "ANABRANCH_EMBEDDER_URL",
        "ANABRANCH_EVIDENCE_PRIOR",
        "ANABRANCH_OIDC_AUDIENCE",
        "ANABRANCH_OIDC_ISSUER",
        "ANABRANCH_OIDC_NAMESPACES_CLAIM",
        "ANABRANCH_OIDC_SCOPE_CLAIM",
        "ANABRANCH_REQUEST_TIMEOUT_S",
        "ANABRANCH_SECRETS_FILE",
        "ANABRANCH_WAIT_TIMEOUT_S",
        "NATS_TOKEN",
        "NATS_URL",
        "NEO4J_DATABASE",
        "NEO4J_PASSWORD",
        "NEO4J_URI",
        "NEO4J_USERNAME",
    }
)
"""Variables that may make such a call another one: only `anabranch.settings` reads them."""
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class PlainSettings(NamedTuple):
    """The home, the namespace and the agent of one call."""

    home: Path
    namespace: str
    agent: str | None


def plain_settings(
    environment: Mapping[str, str], *, home: Path | None = None, namespace: str | None = None
) -> PlainSettings | None:
    """Return the settings; None if the models must look: another is set, or one breaks a rule."""
    given = {name.upper(): value for name, value in environment.items() if value}
    usual = given.get("ANABRANCH_NAMESPACE", "default")
    chosen = usual if namespace is None else namespace
    clear = all(
        re.fullmatch(rule, given[name]) for name, rule in OF_OWNERS.items() if name in given
    )
    if OTHERS & given.keys() or not clear or not all(map(_NAMESPACE.fullmatch, (usual, chosen))):
        return None
    folder = home or Path(given.get("ANABRANCH_HOME", "~/.local/share/anabranch"))
    return PlainSettings(
        home=folder.expanduser().absolute(),
        namespace=chosen,
        agent=given.get("ANABRANCH_AGENT"),
    )
