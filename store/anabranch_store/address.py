"""The address of a graph, with the users that write and read there."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, SecretStr


class GraphAddress(BaseModel):
    """A graph's server, the user that writes, and those that only read, where there are any.

    `reader_username` reads for us, on any database; `outside_username` is for the tools of others,
    and is let into the live database alone.
    `database` None is the server's default. `admin_url` is the embedded graph's HTTP, through which
    its schema and its databases are made; Neo4j needs none.
    """

    model_config = ConfigDict(frozen=True)
    uri: str
    username: str
    password: SecretStr
    database: str | None = None
    reader_username: str | None = None
    reader_password: SecretStr | None = None
    outside_username: str | None = None
    outside_password: SecretStr | None = None
    admin_url: str | None = None
