"""The environment of a command: what any program needs, and no secrets of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PASSED: Final = frozenset(
    [
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE"),
        *("TMPDIR", "TEMP", "TMP", "PWD", "VIRTUAL_ENV", "ANABRANCH_HOME", "ANABRANCH_EMBEDDER"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
        *("XDG_RUNTIME_DIR", "SYSTEMROOT", "JAVA_HOME", "NO_COLOR", "COLORTERM"),
    ]
)
"""The names of the variables that every command gets, beside those that begin with `LC_`."""


def unset(environment: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Return the names that no variable of `environment` has."""
    return [name for name in dict.fromkeys(names) if name not in environment]


def passed_on(environment: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables of `environment` that a command gets; `also` names further ones."""
    names = PASSED.union(also)
    return {
        name: value
        for name, value in environment.items()
        if name in names or name.startswith("LC_")
    }
