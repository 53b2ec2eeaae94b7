"""The runtime file: how the process that owns a home tells others where its servers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    field_serializer,
)

from anabranch.errors import from_os_error
from anabranch.home.folder import held
from anabranch_store import GraphAddress

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.home.folder import Home
    from anabranch.settings import Settings

_VERSION: Final = 1


class LogAddress(BaseModel):
    """Where the log's server listens, the token it wants, and what an append survives there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    url: str
    token: str | None = None
    durability: Literal["default", "strict"] = "default"


class RelayAddress(BaseModel):
    """The port at which the owner answers relays of agents' clients, and the token it wants."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    port: int
    token: str


class Ports(NamedTuple):
    """The ports of the servers that an owner runs; the graph's are those of Bolt and HTTP."""

    log: int | None = None
    graph: tuple[int, int] | None = None


class Runtime(BaseModel):
    """The owner of the home, and the addresses of its servers.

    `log` and `graph` are the servers the owner runs by itself, with their passwords. One that is
    None runs elsewhere, and a process that joins must bring its own password for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = _VERSION
    instance: str
    pid: int
    command: str
    started_at: AwareDatetime
    log_url: str
    graph_uri: str
    http_url: str | None = None
    otlp_url: str | None = None
    relay: RelayAddress | None = None
    log: LogAddress | None
    graph: GraphAddress | None

    @property
    def ports(self) -> Ports:
        """The ports of the servers that the owner runs by itself."""
        log = urlsplit(self.log.url).port if self.log else None
        bolt = urlsplit(self.graph.uri).port if self.graph else None
        http = urlsplit(self.graph.admin_url).port if self.graph and self.graph.admin_url else None
        return Ports(log, (bolt, http) if bolt and http else None)

    @field_serializer("graph")
    def _with_passwords(self, graph: GraphAddress | None) -> dict[str, str | None] | None:
        if graph is None:
            return None
        values = dict(graph)
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
        }

    def write(self, home: Home) -> None:
        """Put this in the home, for its owner's eyes only, all of it or none."""
        home.replace(home.runtime, self.model_dump_json(indent=2).encode())


def read_runtime(home: Home) -> Runtime | None:
    """Return what the owner wrote; None when there is no file, or one of another version."""
    return _read(home, home.runtime)


def ports_before(home: Home) -> Ports:
    """Return the ports of the last owner's servers, once its runtime file was retired."""
    found = _read(home, home.previous)
    return found.ports if found else Ports()


def _read(home: Home, path: Path) -> Runtime | None:
    try:
        return Runtime.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        return None
    except OSError as error:
        raise from_os_error(error, home.folder) from error


def live_runtime(home: Home) -> Runtime | None:
    """Return what the owner wrote while the owner lives; None when nobody owns the home."""
    return read_runtime(home) if held(home.owner_lock) else None


def named_log(settings: Settings) -> LogAddress | None:
    """Return the log's server that the settings name, if they name one."""
    if settings.nats_url is None:
        return None
    token = settings.nats_token
    return LogAddress(
        url=settings.nats_url,
        token=token.get_secret_value() if token else None,
        durability=settings.durability,
    )


def named_graph(settings: Settings) -> GraphAddress | None:
    """Return the graph's server that the settings name, if they name one."""
    if settings.neo4j_uri is None:
        return None
    return GraphAddress(
        uri=settings.neo4j_uri,
        username=settings.neo4j_username,
        password=settings.neo4j_password,
        database=settings.neo4j_database,
    )
