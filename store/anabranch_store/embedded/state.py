"""The small files in the folder of the embedded graph: passwords, users, rights, the live database.

A crash may leave any of them empty or garbled. None is the truth of anything: one that cannot be
read is made anew.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

FIRST_DATABASE: Final = "graph"
ROOT: Final = "root"
READER: Final = "reader"
"""The user of outside tools: it reads the live database alone."""
INSIDE: Final = "inside"
"""The user by whom our own queries read, in any database."""
_CREDENTIALS: Final = "credentials.json"
_CURRENT: Final = "current"
_COPY: Final = "current.copy"
_NAME: Final = re.compile(rf"{FIRST_DATABASE}(?:_[0-9a-f]+)?")


def credentials_in(folder: Path) -> dict[str, str]:
    """Return the passwords kept in `folder`, made the first time.

    The server keeps only their hashes. When our file is lost, so are the users: both are made anew.
    """
    path = folder / _CREDENTIALS
    found = _json_in(path)
    kept: dict[str, str] = found if isinstance(found, dict) else {}
    if all(isinstance(kept.get(name), str) for name in (ROOT, READER, INSIDE)):
        return kept
    if not all(isinstance(kept.get(name), str) for name in (ROOT, READER)):
        kept = {}
        users_in(folder).unlink(missing_ok=True)
    made = {name: secrets.token_urlsafe(32) for name in (ROOT, READER, INSIDE)} | kept
    replace(path, json.dumps(made))
    return made


def users_in(folder: Path) -> Path:
    """Return the file in which the server keeps its users."""
    return folder / "config" / "server-users.jsonl"


def admitted_in(folder: Path) -> dict[str, object]:
    """Return the databases that each user of the server is let into, by the user's name."""
    lines = users_in(folder).read_bytes().splitlines()
    users = [json.loads(line) for line in lines if line.strip()]
    return {user["name"]: user.get("databases") for user in users}


def mend_config(folder: Path) -> None:
    """Put the reader's rights in place, and take away a file of users that cannot be read.

    The server makes its root user anew where there is no file, with the password it is given.
    """
    groups = folder / "config" / "server-groups.json"
    groups.parent.mkdir(mode=0o700, exist_ok=True)
    if not isinstance(_json_in(groups), dict):
        replace(groups, json.dumps(_GROUPS))
    users = users_in(folder)
    if users.exists() and not _are_users(users):
        users.unlink()


def current_in(folder: Path) -> str:
    """Return the name of the database that `folder` serves."""
    for name in (_CURRENT, _COPY):
        try:
            found = (folder / name).read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            continue
        if _NAME.fullmatch(found):
            return found
    return FIRST_DATABASE


def point_to(folder: Path, database: str) -> None:
    """Make `database` the one that the next start serves."""
    for name in (_COPY, _CURRENT):
        replace(folder / name, database + "\n")


def replace(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all, readable by its owner only."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # The new name, too, survives a power cut.
    finally:
        os.close(folder)


def _json_in(path: Path) -> object:
    """Return what a file of JSON holds, None where there is no whole one."""
    try:
        found: object = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _are_users(path: Path) -> bool:
    try:
        users = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    except ValueError:
        return False
    return bool(users) and all(isinstance(user, dict) and "name" in user for user in users)


def _group(access: list[str], types: list[str]) -> dict[str, Any]:
    return {
        "resultSetLimit": -1,
        "readTimeout": -1,
        "access": access,
        "types": {"*": {"access": types}},
    }


_GROUPS: Final = {
    "version": 2,
    "databases": {
        "*": {
            "groups": {
                "admin": _group(
                    ["updateSecurity", "updateSchema", "updateDatabaseSettings"],
                    ["createRecord", "readRecord", "updateRecord", "deleteRecord"],
                ),
                READER: _group([], ["readRecord"]),
                "*": _group([], []),
            }
        }
    },
}
