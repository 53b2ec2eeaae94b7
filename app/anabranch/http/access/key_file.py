"""API keys, kept in a file of the home that only its owner reads; secrets as argon2id hashes."""

from __future__ import annotations

import re
import secrets
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from anabranch.errors import HomeBusy, InputInvalid, KeyNotFound, SettingInvalid
from anabranch.home.folder import Lock
from anabranch_events import input_invalid
from anabranch_events.event.identifiers import Name, Namespace

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anabranch.home.folder import Home

RATE: Final = 100.0
_LOCK_TIMEOUT_S: Final = 10.0
_TOKEN: Final = re.compile(r"ab_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
# RFC 9106's second recommendation, in less memory: the secrets are of 256 random bits.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Limits(BaseModel):
    """The limits of a key beside its rate; None: there is none. A day ends at midnight UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="How many requests may come at once; two seconds' worth if None."
    )
    insights: Annotated[int, Field(ge=0)] | None = Field(default=None, description="A day.")
    events: Annotated[int, Field(ge=0)] | None = Field(default=None, description="A day.")
    cypher: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Seconds of Cypher a day."
    )

    @property
    def daily(self) -> bool:
        """True where something is bounded a day."""
        return any(one is not None for one in (self.insights, self.events, self.cypher))


class KeyView(BaseModel):
    """An API key as it is shown: who has it, what it permits, and until when."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    name: Name
    scope: Literal["read", "write", "admin"]
    namespaces: tuple[Namespace, ...] | None = Field(description="None: all of them.")
    rate: Annotated[float, Field(gt=0, le=1e6)] = RATE
    limits: Limits = Limits()
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None


class Key(KeyView):
    """An API key as it is kept: with the hash of its secret."""

    hash: str

    @property
    def view(self) -> KeyView:
        """The key without the hash."""
        return KeyView.model_validate(self.model_dump(exclude={"hash"}))

    def ended(self, at: datetime) -> Literal["revoked", "expired"] | None:
        """Return why the key does not hold at a time; None where it does."""
        if self.revoked is not None and self.revoked <= at:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= at else None

    def fits(self, secret: str) -> bool:
        """Tell whether a secret is that of the key; it takes some milliseconds."""
        try:
            return _HASHER.verify(self.hash, secret)
        except (VerificationError, InvalidHashError):
            return False


class Token(NamedTuple):
    """A key as a caller shows it."""

    id: str
    secret: str


_KEYS: Final = TypeAdapter(tuple[Key, ...])


class KeyFile:
    """The API keys of a home. Another process sees a change with its next request."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._path: Path = home.keys
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}

    def keys(self) -> dict[str, Key]:
        """Return every key by its id, as the file is now.

        Raises SettingInvalid for a file that others may read, or that holds no keys.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return self._keys
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._keys = self._read(found)
            self._seen = seen
        return self._keys

    def holding(self) -> list[Key]:
        """Return the keys that hold now."""
        now = datetime.now(UTC)
        return [one for one in self.keys().values() if one.ended(now) is None]

    async def create(
        self,
        name: str,
        *,
        scope: str,
        namespaces: Sequence[str] | None,
        lasting: timedelta | None = None,
        rate: float = RATE,
        limits: Mapping[str, object] | None = None,
    ) -> tuple[Key, str]:
        """Make a key; return it with its token, which is kept nowhere.

        Raises InputInvalid, also where another key that holds has the name.
        """
        if lasting is not None and lasting <= timedelta():
            raise InputInvalid(
                "expires: the key would have ended before it is used",
                field="expires",
                fix="give a number above 0 and a unit, such as 12h or 30d",
            )
        key_id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), datetime.now(UTC)
        try:
            key = Key.model_validate(
                {
                    "id": key_id,
                    "name": name,
                    "scope": scope,
                    "namespaces": None if namespaces is None else tuple(dict.fromkeys(namespaces)),
                    "rate": rate,
                    "limits": dict(limits or {}),
                    "created": now,
                    "expires": None if lasting is None else now + lasting,
                    "hash": _HASHER.hash(secret),
                }
            )
        except ValidationError as error:
            raise input_invalid(error) from error
        if key.namespaces == ():
            raise InputInvalid(
                "namespaces: a key for none can do nothing", field="namespaces", fix="name one"
            )
        await self._changed(key, is_new=True)
        return key, _token(key_id, secret)

    async def rotate(self, named: str) -> tuple[Key, str]:
        """Give a key another secret; the one before ends at once.

        It is named by its id, or by its name. Raises KeyNotFound, and InputInvalid where several
        keys have the name, and for a key that has ended: no secret would make it hold.
        """
        found, secret = self._found(named), secrets.token_urlsafe(32)
        why = found.ended(datetime.now(UTC))
        if why is not None:
            raise InputInvalid(
                f"key: {found.id} is {why}, and another secret would not hold either",
                field="key",
                fix="make another key: `anabranch keys create NAME`",
            )
        key = found.model_copy(update={"hash": _HASHER.hash(secret)})
        await self._changed(key)
        return key, _token(key.id, secret)

    async def revoke(self, named: str) -> Key:
        """End a key at once, for good; it is named as in `rotate`."""
        found = self._found(named)
        key = found.model_copy(update={"revoked": found.revoked or datetime.now(UTC)})
        await self._changed(key)
        return key

    def _found(self, named: str) -> Key:
        keys = self.keys()
        if named in keys:
            return keys[named]
        found = [one for one in self.holding() if one.name == named]
        found = found or [one for one in keys.values() if one.name == named][-1:]
        if not found:
            raise KeyNotFound(named)
        if len(found) > 1:  # Of a version in which they might.
            ids = ", ".join(one.id for one in found)
            raise InputInvalid(
                f"key: several are named {named!r}: {ids}", field="key", fix="give the id of one"
            )
        return found[0]

    async def _changed(self, key: Key, *, is_new: bool = False) -> None:
        """Write the file with a key changed or added: all of it, or nothing."""
        self.home.prepare()
        with Lock(self.home.keys_lock) as lock:
            if not await lock.wait(_LOCK_TIMEOUT_S):
                raise HomeBusy("another process changes the API keys", fix="try again in a moment")
            if is_new:
                self._refuse_name_of_another(key.name)
            kept = {**self.keys(), key.id: key}
            self.home.replace(self._path, _KEYS.dump_json(tuple(kept.values()), indent=1))

    def _refuse_name_of_another(self, name: str) -> None:
        for one in self.holding():
            if one.name == name:
                raise InputInvalid(
                    f"name: the key {one.id} is named {one.name!r}",
                    field="name",
                    fix=f"take another name, or end that key: `anabranch keys revoke {one.id}`",
                )

    def _read(self, found: os.stat_result) -> dict[str, Key]:
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise SettingInvalid(
                f"{self._path}: others may read it, and it holds the API keys",
                field="keys",
                fix=f"chmod 600 {self._path}, and rotate the keys",
            )
        try:
            return {one.id: one for one in _KEYS.validate_json(self._path.read_bytes())}
        except ValidationError as error:
            raise SettingInvalid(
                f"{self._path}: holds no API keys: {input_invalid(error).message}",
                field="keys",
                fix="restore it, or take it away and make the keys anew",
            ) from error


def token_in(text: str) -> Token | None:
    """Return the token that a text is, if it has the form of one."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else Token(found["id"], found["secret"])


def _token(key_id: str, secret: str) -> str:
    return f"ab_{key_id}_{secret}"
