"""Installation: the server put into the settings of a client, and taken out of them."""

from __future__ import annotations

import difflib
import os
import shutil
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from anabranch.errors import ClientSettingsInvalid
from anabranch.mcp.clients import ASKED, CLIENTS, SERVER, STARTED, client_named, server_command
from anabranch.mcp.jsonc import with_member, without_member

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tomlkit import TOMLDocument

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
    """Add the server as a table of its own; where that would take in what follows, in one line."""
    import tomlkit

    wanted = tomlkit.parse(text).unwrap()
    servers: Any = wanted.setdefault(key, {})
    before: Any = servers.get(SERVER, {}) if hasattr(servers, "items") else None
    if not hasattr(before, "items"):
        raise ValueError(f"{key} is no table of tables")
    after = servers[SERVER] = _renewed(before, entry)
    for made in (tomlkit.table, tomlkit.inline_table):
        document = tomlkit.parse(text)
        with suppress(ValueError):  # In a table of one line all are such.
            table: Any = document.setdefault(key, tomlkit.table(is_super_table=True))
            server = table[SERVER] if SERVER in table else made()
            for name in before.keys() - after.keys():
                del server[name]
            for name in entry:
                server[name] = after[name]
            if SERVER not in table:
                table[SERVER] = server
            if (found := _written_as(document, wanted)) is not None:
                return found
    raise ValueError("the server cannot be added without a change of other settings")


def _renewed(before: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of the server with the members that a person added, but for another form's.

    Variables that a person named beside ours stay named.
    """
    gone = {*(STARTED if "url" in entry else ASKED), "bearer_token_env_var"}
    kept = {name: value for name, value in before.items() if name not in gone}
    found: dict[str, Any] = {**kept, **entry}
    named = before.get("env_vars", [])
    if not isinstance(named, list):
        raise ValueError("env_vars is no list")  # noqa: TRY004 - the text of the file is wrong.
    if "env_vars" in entry:
        there = [one.get("name") if isinstance(one, dict) else one for one in named]
        found["env_vars"] = [*named, *(one for one in entry["env_vars"] if one not in there)]
    return found


def _toml_without(text: str, key: str) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    servers: Any = document.get(key)
    if not hasattr(servers, "items") or SERVER not in servers:
        return text
    wanted = document.unwrap()
    del servers[SERVER], wanted[key][SERVER]
    if not servers:
        del document[key], wanted[key]
    found = _written_as(document, wanted)
    if found is None:
        raise ValueError("the server cannot be taken out without a change of other settings")
    return found


def _written_as(document: TOMLDocument, wanted: Mapping[str, Any]) -> str | None:
    """Return a document's text, None where that would be read as anything else than `wanted`.

    tomlkit 0.15.2 holds one thing and writes another where a table follows dotted keys.
    See `findings/tomlkit_puts_settings_into_the_table_before_them.sh`.
    """
    found = document.as_string()
    return found if tomllib.loads(found) == wanted else None


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
