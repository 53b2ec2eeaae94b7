"""Installation: the server put into the settings of a client, and taken out of them."""

from __future__ import annotations

import difflib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from anabranch.errors import ClientSettingsInvalid
from anabranch.mcp.clients import ASKED, CLIENTS, SERVER, STARTED, client_named, server_command
from anabranch.mcp.jsonc import with_member, without_member

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a client's settings, not yet written; `before` is None where there is no file."""

    client: str
    path: Path
    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """True where the file would be another one."""
        return self.after != (self.before or "")

    def difference(self) -> str:
        """Return the change as a unified difference."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            fromfile=str(self.path),
            tofile=f"{self.path} with the change",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> Path | None:
        """Write the file whole, and return the copy of the one before, where there was one.

        A link stays a link, and the file keeps its rights. Raises ClientSettingsInvalid.
        """
        path = self.path.resolve()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            copy = None if self.before is None else _free(path)
            if copy is not None:
                shutil.copy2(path, copy)
            new = path.with_name(f"{path.name}.{os.getpid()}.new")
            new.touch(mode=0o600)
            new.write_text(self.after, encoding="utf-8", newline="")
            if self.before is not None:
                shutil.copymode(path, new)
            new.replace(path)
        except OSError as error:
            raise ClientSettingsInvalid(
                f"{path} cannot be written: {error}", fix="make it writable, or use --print"
            ) from error
        return copy


class Service(NamedTuple):
    """A running service: the address of its `/mcp`, and the variable that holds its key."""

    url: str
    key_variable: str | None = None


def installed(
    client: str,
    options: Sequence[str] = (),
    *,
    variables: Sequence[str] = (),
    project: Path | None = None,
    service: Service | None = None,
) -> Change:
    """Return the change that adds the server, started with `options`, or renews it.

    `variables` name what the server is to have of the client's environment. With `service` the
    client asks that one over HTTP. With `project` it is in the settings of that folder. Raises
    InputInvalid for a client that we do not know, and ClientSettingsInvalid for settings that
    cannot be read.
    """
    found = client_named(client)
    if service is None:
        entry = found.entry([*server_command(shared=project is not None), *options])
        if variables:
            entry |= found.variables(variables)
    else:
        entry = found.remote(service.url, service.key_variable)
    path = found.path(project=project)
    before = _read(path)
    after = _in_its_form(before or "", lambda text: _with(path, text, found.key, entry))
    return Change(client, path, before, after)


def uninstalled(client: str, *, project: Path | None = None) -> Change:
    """Return the change that takes the server out again. Raises as `installed` does."""
    found = client_named(client)
    path = found.path(project=project)
    before = _read(path)
    after = _in_its_form(before or "", lambda text: _without(path, text, found.key))
    return Change(client, path, before, after)


class ClientView(BaseModel):
    """A client that we know: `found` on this machine, with the server `installed` in `path`.

    `installed` is None for settings that cannot be read.
    """

    model_config = ConfigDict(frozen=True)
    client: str
    found: bool
    installed: bool | None
    path: Path


def known_clients(*, project: Path | None = None) -> list[ClientView]:
    """Return all clients, with the settings of the user, or of a project."""
    return [
        ClientView(
            client=name,
            found=one.found,
            installed=_is_installed(name, project=project),
            path=one.path(project=project),
        )
        for name, one in CLIENTS.items()
    ]


def _is_installed(client: str, *, project: Path | None) -> bool | None:
    try:
        return uninstalled(client, project=project).changed
    except ClientSettingsInvalid:
        return None


def _in_its_form(text: str, change: Callable[[str], str]) -> str:
    """Change a text; its mark at the beginning and the ends of its lines stay as they are."""
    mark = _MARK if text.startswith(_MARK) else ""
    lines = text.removeprefix(mark)
    if not 0 < lines.count("\n") == lines.count("\r\n"):
        return mark + change(lines)
    return mark + change(lines.replace("\r\n", "\n")).replace("\n", "\r\n")


def _with(path: Path, text: str, key: str, entry: dict[str, Any]) -> str:
    try:
        if path.suffix == ".toml":
            return _toml_with(text, key, entry)
        return with_member(text, (key, SERVER), entry)
    except ValueError as error:
        raise _invalid(path, error) from error


def _without(path: Path, text: str, key: str) -> str:
    try:
        if path.suffix == ".toml":
            return _toml_without(text, key)
        return without_member(text, (key, SERVER))
    except ValueError as error:
        raise _invalid(path, error) from error


def _toml_with(text: str, key: str, entry: Mapping[str, Any]) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    servers: Any = document.setdefault(key, tomlkit.table(is_super_table=True))
    if not hasattr(servers, "setdefault"):
        raise ValueError(f"{key} is no table")
    server = servers.setdefault(SERVER, tomlkit.table())
    others = STARTED if "url" in entry else ASKED
    for name in {*others, "bearer_token_env_var"} - entry.keys():
        server.pop(name, None)
    for name, value in entry.items():
        named = server.get(name, ()) if name == "env_vars" else ()  # By hand, or by us before.
        server[name] = [*named, *(one for one in value if one not in named)] if named else value
    return tomlkit.dumps(document)


def _toml_without(text: str, key: str) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    servers: Any = document.get(key, {})
    if SERVER not in servers:
        return text
    del servers[SERVER]
    if not servers:
        del document[key]
    return tomlkit.dumps(document)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _invalid(path, error) from error


def _invalid(path: Path, error: Exception) -> ClientSettingsInvalid:
    return ClientSettingsInvalid(
        f"{path} cannot be read: {error}",
        fix="mend the file; `--print` on a client without one shows what to add",
    )


def _free(path: Path) -> Path:
    """Return a name beside a file for its copy, which none has."""
    number = 1
    while (copy := path.with_name(f"{path.name}.before-anabranch-{number}")).exists():
        number += 1
    return copy
