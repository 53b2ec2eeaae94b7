"""The accounts of a nats-server with tenants: one for each, and the crossings into the log's.

No two tenants share an account, so that one sees neither the subjects nor the inboxes of another.
Every message that crosses into the log's account is harmless, from any sender and with any payload.
The server answers across accounts in the account that asked: a forged reply subject names one of
the asker's own. No crossing makes or changes a consumer, for its deliver subject would be one of
the log's account.

The views stand in an account of their own. Beside its origin JetStream lets a mirror answer direct
gets for it, even a mirror that holds only a part.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.event.types import Priority
from anabranch_events.jetstream.tenant_view import GET, INFO, LAST, VALUE
from anabranch_events.tasks.stream import TASKS, TENANT_BOUND
from anabranch_events.tasks.task import task_consumer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch_events.server.tenant import Tenant

ACCOUNT: Final = "ANABRANCH"
ADMIN: Final = "anabranch"
VIEWS_ACCOUNT: Final = "ANABRANCH_VIEWS"
VIEWS_ADMIN: Final = "anabranch-views"
VIEWS_API: Final = "anabranch.log.api"
VIEWS_DELIVER: Final = "anabranch.views"
_API: Final = "$JS.API"
_ACK_V2: Final = "$JS.ACK._.*"
"""Before the stream's name where the server's flag js_ack_fc_v2 is on: no domain, any account."""
_LOG: Final = "ANABRANCH_EVENTS"
_OBJECTS: Final = "OBJ_ANABRANCH_OBJECTS"
VECTORS: Final = "ANABRANCH_VECTORS"
_CREATE: Final = f"CONSUMER.CREATE.{_LOG}"
_EXPORTS: Final = f"""\
    {{ stream: "{VIEWS_DELIVER}.>" }}
    {{ service: "anabranch.events.*.*" }}
    {{ service: "anabranch.commands.*.*" }}
    {{ service: "anabranch.progress.*" }}
    {{ service: "{_API}.STREAM.INFO.{_LOG}" }}
    {{ service: "{_API}.{_CREATE}" }}
    {{ service: "{_API}.{_CREATE}.>" }}
    {{ service: "$JS.FC.>" }}
    {{ service: "{_API}.DIRECT.GET.{_LOG}", response_type: stream }}
    {{ service: "{_API}.DIRECT.GET.{_LOG}.anabranch.events.*.*" }}
    {{ service: "{_API}.DIRECT.GET.{_OBJECTS}", response_type: stream }}
    {{ service: "{_API}.STREAM.MSG.GET.KV_{VECTORS}" }}
    {{ service: "$KV.{VECTORS}.>" }}
    {{ service: "{_API}.CONSUMER.INFO.{TASKS}.*" }}
    {{ service: "{_API}.CONSUMER.MSG.NEXT.{TASKS}.*", response_type: stream }}
    {{ service: "$JS.ACK.{TASKS}.>" }}
    {{ service: "{_ACK_V2}.{TASKS}.>" }}
"""
_VIEWS_EXPORTS: Final = f"""\
    {{ service: "{_API}.DIRECT.GET.*", response_type: stream }}
    {{ service: "{_API}.STREAM.INFO.*" }}
"""
_OWN: Final = (
    "_INBOX.>",
    "anabranch.progress.*",
    "anabranch.home.folder.move",
    "anabranch.home.projections.*",
)
"""Subjects that a user may send and hear in its own account, where nobody else is."""


class Crossing(NamedTuple):
    """A subject imported from another account: `local` is the tenant's own name for `subject`."""

    account: str
    subject: str
    local: str
    heard: bool = False


def crossings(tenant: Tenant) -> list[Crossing]:
    """Return every crossing of `tenant` out of its own account."""
    if tenant.role == "projector":
        return list(_projected())
    return [one for name in tenant.namespaces for one in _in_namespace(tenant, name)] + [
        Crossing(VIEWS_ACCOUNT, f"{_API}.STREAM.INFO.{tenant.view}", INFO),
        Crossing(VIEWS_ACCOUNT, f"{_API}.DIRECT.GET.{tenant.view}", GET),
    ]


def _in_namespace(tenant: Tenant, namespace: str) -> Iterator[Crossing]:
    events = f"anabranch.events.{namespace}.*"
    yield Crossing(ACCOUNT, f"{_API}.DIRECT.GET.{_LOG}.{events}", f"{LAST}{namespace}.*")
    if tenant.role in {"producer", "worker"}:
        yield _same(events)
    if tenant.role == "producer":
        yield _same(f"anabranch.commands.{namespace}.*")
    if tenant.role == "worker":
        bound = f"{_API}.CONSUMER.INFO.{TASKS}.{task_consumer(Priority.CRITICAL, namespace)}"
        yield Crossing(ACCOUNT, bound, f"{TENANT_BOUND}{namespace}")
        for priority in Priority:
            consumer = task_consumer(priority, namespace)
            yield _same(f"{_API}.CONSUMER.MSG.NEXT.{TASKS}.{consumer}")
            yield _same(f"$JS.ACK.{TASKS}.{consumer}.>")
            yield _same(f"{_ACK_V2}.{TASKS}.{consumer}.>")


def _projected() -> Iterator[Crossing]:
    yield Crossing(ACCOUNT, f"{_API}.STREAM.INFO.{_LOG}", INFO)
    yield Crossing(ACCOUNT, f"{_API}.DIRECT.GET.{_LOG}", GET)
    yield Crossing(ACCOUNT, f"{_API}.DIRECT.GET.{_LOG}.anabranch.events.*.*", f"{LAST}*.*")
    yield _same("anabranch.progress.*")
    yield _same(f"{_API}.DIRECT.GET.{_OBJECTS}")
    get = f"{_API}.STREAM.MSG.GET.KV_{VECTORS}"
    yield Crossing(ACCOUNT, get, f"{VALUE}{VECTORS}")
    yield _same(f"$KV.{VECTORS}.>")


def _same(subject: str) -> Crossing:
    return Crossing(ACCOUNT, subject, subject)


def accounts(
    tenants: Sequence[Tenant], *, passwords: Mapping[str, str], admin_password: str
) -> str:
    """Return the `accounts` of a server's configuration."""
    blocks = [
        _account(ACCOUNT, ADMIN, admin_password, "jetstream: enabled", exports=_EXPORTS),
        _account(
            VIEWS_ACCOUNT,
            VIEWS_ADMIN,
            admin_password,
            "jetstream: enabled",
            exports=_VIEWS_EXPORTS,
            imports=_views_imports(),
        ),
    ]
    blocks += [
        _account(
            f"TENANT_{tenant.name}",
            tenant.name,
            passwords[tenant.name],
            imports="".join(f"    {_imported(one)}\n" for one in crossings(tenant)),
            permissions=f", permissions: {json.dumps(permissions(tenant))}",
        )
        for tenant in tenants
    ]
    return "accounts {\n" + "".join(blocks) + "}\n"


def permissions(tenant: Tenant) -> dict[str, list[str]]:
    """Return the user's permissions to publish and subscribe in its own account.

    Without them it could do no harm there; with them the server names what it refuses. Asked about
    a stream, it answers by itself that there is no JetStream: so a client learns that it has a
    view.
    """
    asked = f"{_API}.STREAM.INFO.{_LOG}"
    return {
        "publish": [*_OWN, asked, *(one.local for one in crossings(tenant))],
        "subscribe": [*_OWN],
    }


def _account(
    name: str,
    user: str,
    password: str,
    *settings: str,
    exports: str = "",
    imports: str = "",
    permissions: str = "",
) -> str:
    lines = [f"  {json.dumps(name)} {{"]
    lines += [f"    {setting}" for setting in settings]
    lines += [f"    users: [ {{ user: {json.dumps(user)}, password: {json.dumps(password)}"]
    lines[-1] += f"{permissions} }} ]"
    lines += [f"    exports: [\n{exports}    ]"] if exports else []
    lines += [f"    imports: [\n{imports}    ]"] if imports else []
    return "\n".join([*lines, "  }\n"])


def _imported(one: Crossing) -> str:
    kind = "stream" if one.heard else "service"
    source = f"{{ account: {json.dumps(one.account)}, subject: {json.dumps(one.subject)} }}"
    return f"{{ {kind}: {source}, to: {json.dumps(one.local)} }}"


def _views_imports() -> str:
    """Return the imports of a mirror of the log: its consumer's creation, and the deliveries."""
    crossing = [
        Crossing(ACCOUNT, f"{_API}.{_CREATE}", f"{VIEWS_API}.{_CREATE}"),
        Crossing(ACCOUNT, f"{_API}.{_CREATE}.>", f"{VIEWS_API}.{_CREATE}.>"),
        _same("$JS.FC.>"),
        Crossing(ACCOUNT, f"{VIEWS_DELIVER}.>", f"{VIEWS_DELIVER}.>", heard=True),
    ]
    return "".join(f"    {_imported(one)}\n" for one in crossing)
