"""The tenants file: who may use the managed NATS server besides its owner, and for what.

A table a user, whose name is the table's::

    [acme-app]
    role = "producer"
    namespaces = ["acme"]
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from anabranch.errors import TenantsInvalid
from anabranch_events import Tenant
from anabranch_events.event.complaint import input_invalid
from anabranch_events.server.tenant import UserName
from anabranch_events.transport.address import with_user

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anabranch.home.folder import Home

_NAME: Final[TypeAdapter[str]] = TypeAdapter(UserName)
_KEYS: Final = [one for one in Tenant.model_fields if one != "name"]


def read_tenants(path: Path) -> list[Tenant]:
    """Return the tenants that a file names. Raises TenantsInvalid naming the field to correct."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TenantsInvalid(
            f"{path} cannot be read: {error.strerror or error}",
            field="tenants",
            fix="name a file that is there and that you may read",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TenantsInvalid(
            f"{path} is not TOML: {error}",
            field="tenants",
            fix="write a table a user, as docs/how-to/isolate-tenants.md shows",
        ) from error
    return [_tenant(path, name, table) for name, table in tables.items()]


def _tenant(path: Path, name: str, table: Any) -> Tenant:
    if not isinstance(table, dict):
        raise TenantsInvalid(
            f"{path}: {name}: is not a table",
            field=name,
            fix=f'write [{name}], and below it role = "producer" and namespaces = ["..."]',
        )
    if "name" in table:
        raise TenantsInvalid(
            f"{path}: {name}.name: a user is named by its table",
            field=f"{name}.name",
            fix=f"take it out, and name the table [{table['name']}]",
        )
    place: tuple[str, ...] = ()
    try:
        _NAME.validate_python(name)
        place = (name,)
        return Tenant.model_validate({"name": name, **table})
    except ValidationError as error:
        found = input_invalid(error, whole=name, known=_KEYS, within=place)
        raise TenantsInvalid(
            f"{path}: {found.message}", field=found.field, fix=found.fix
        ) from error


def write_credentials(
    home: Home, tenants: Sequence[Tenant], *, url: str, passwords: Mapping[str, str]
) -> None:
    """Write what each tenant needs to connect, for the eyes of the home's owner only.

    `url` is the managed server's. Raises HomeUnwritable or HomeFull.
    """
    found = {
        tenant.name: {
            "role": tenant.role,
            "namespaces": list(tenant.namespaces),
            "nats_url": with_user(url, tenant.name, passwords[tenant.name]),
            "user": tenant.name,
            "password": passwords[tenant.name],
        }
        for tenant in tenants
    }
    home.replace(home.credentials, json.dumps(found, indent=2).encode() + b"\n")
