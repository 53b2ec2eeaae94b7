"""The clients that we know, and the place of a server in the settings of each."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, Final

from anabranch.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SERVER: Final = "anabranch"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A client's settings: the file of a user and of a project, and the form of a server in it.

    `key` is the table of servers. A file that ends in `.toml` is TOML, any other JSON, in which
    there may be comments.
    """

    name: str
    key: str
    user: Callable[[Mapping[str, str], Path], Path]
    project: str
    entry: Callable[[Sequence[str]], dict[str, Any]]
    remote: Callable[[str, str | None], dict[str, Any]]
    """The form of a server at an address, with the variable that holds its key."""
    program: str | None = None
    """The client's command, where it is not its name."""
    variables: Callable[[Sequence[str]], dict[str, Any]] = lambda _: {}
    """The form of variables that the server is to have of the client's environment.

    Most clients give it all of them (`findings/mcp_clients_keep_variables_from_their_servers.sh`).
    """

    def path(self, *, project: Path | None = None) -> Path:
        """Return the file of the user, or that of a project."""
        if project is not None:
            return _existing(project / self.project)
        return _existing(self.user(os.environ, Path.home()))

    @property
    def found(self) -> bool:
        """True where this machine has the client: its command, or a user's settings of it."""
        return self.path().is_file() or which(self.program or self.name) is not None


def _existing(path: Path) -> Path:
    """Return the file that a client reads where it may have either ending."""
    other = path.with_suffix(".jsonc")
    return other if path.suffix == ".json" and other.is_file() and not path.is_file() else path


def _command_and_arguments(words: Sequence[str]) -> dict[str, Any]:
    return {"command": words[0], "args": list(words[1:])}


def _stdio(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "stdio", **_command_and_arguments(words)}


def _local(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "local", "command": list(words), "enabled": True}


def _addressed(form: str, *, address: str = "url", **more: Any) -> Callable[..., dict[str, Any]]:
    """Return the form of a server at an address; `form` is how a variable's value is named."""

    def entry(url: str, key_variable: str | None) -> dict[str, Any]:
        found = {**more, address: url}
        if key_variable is not None:
            value = form.replace("NAME", key_variable)
            found["headers"] = {"Authorization": f"Bearer {value}"}
        return found

    return entry


def _codex_addressed(url: str, key_variable: str | None) -> dict[str, Any]:
    found = {"url": url}
    return found if key_variable is None else {**found, "bearer_token_env_var": key_variable}


def _claude(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("CLAUDE_CONFIG_DIR") or home) / ".claude.json"


def _codex(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("CODEX_HOME") or home / ".codex") / "config.toml"


def _opencode(environment: Mapping[str, str], home: Path) -> Path:
    given = environment.get("OPENCODE_CONFIG")
    configuration = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return Path(given) if given else configuration / "opencode" / "opencode.json"


def _vscode(environment: Mapping[str, str], home: Path) -> Path:
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "Code" / "User" / "mcp.json"
    return (
        Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "Code" / "User" / "mcp.json"
    )


CLIENTS: Final = {
    one.name: one
    for one in (
        ClientSettings(
            "claude", "mcpServers", _claude, ".mcp.json", _stdio, _addressed("${NAME}", type="http")
        ),
        ClientSettings(
            "cursor",
            "mcpServers",
            lambda _, home: home / ".cursor" / "mcp.json",
            ".cursor/mcp.json",
            _command_and_arguments,
            _addressed("${env:NAME}"),
        ),
        ClientSettings(
            "codex",
            "mcp_servers",
            _codex,
            ".codex/config.toml",
            _command_and_arguments,
            _codex_addressed,
            variables=lambda names: {"env_vars": list(names)},
        ),
        ClientSettings(
            "opencode",
            "mcp",
            _opencode,
            "opencode.json",
            _local,
            _addressed("{env:NAME}", type="remote", enabled=True),
        ),
        ClientSettings(
            "gemini",
            "mcpServers",
            lambda _, home: home / ".gemini" / "settings.json",
            ".gemini/settings.json",
            _command_and_arguments,
            _addressed("$NAME", address="httpUrl"),
            variables=lambda names: {"env": {name: f"${name}" for name in names}},
        ),
        ClientSettings(
            "vscode",
            "servers",
            _vscode,
            ".vscode/mcp.json",
            _stdio,
            _addressed("${env:NAME}", type="http"),
            program="code",
        ),
    )
}


STARTED: Final = frozenset({"command", "args", "cwd", "env", "env_vars"})
ASKED: Final = frozenset({"url", "bearer_token_env_var", "env_http_headers", "http_headers"})
"""The members in TOML of a server that is started, and of one at an address.

Codex does not start where an entry has some of both.
"""


def client_named(name: str) -> ClientSettings:
    """Return the settings of a client. Raises InputInvalid."""
    found = CLIENTS.get(name)
    if found is None:
        raise InputInvalid(
            f"client: {name!r} is none that we know",
            field="client",
            fix=f"use one of {', '.join(CLIENTS)}, or add the command `anabranch mcp` by hand",
        )
    return found


def server_command(*, shared: bool) -> list[str]:
    """Return the words that start this server; in a file that is shared they name no folder."""
    if shared:
        return ["anabranch", "mcp"]
    own = Path(sys.executable).with_name("anabranch")
    words = [str(own)] if own.is_file() else [sys.executable, "-m", "anabranch"]
    return [*words, "mcp"]
