"""The administration of the embedded graph over HTTP: its schema, its databases, its users."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final, cast

from anabranch_store.errors import GraphRefused, GraphUnavailable, SetupInvalid

if TYPE_CHECKING:
    from anabranch_store.address import GraphAddress
    from anabranch_store.errors import Explain

_TIMEOUT_S: Final = 60.0
_FIX: Final = "start the embedded graph again; its log is host.log in the graph's folder"


class Admin:
    """A client of the HTTP of an embedded graph at `url`, as its root user."""

    def __init__(
        self, url: str, *, username: str, password: str, explain: Explain | None = None
    ) -> None:
        self._url = url
        self._explain = explain
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    async def sql(self, database: str, command: str) -> list[dict[str, object]]:
        """Run one SQL command (of ours, never of a user's) in `database`; return its rows."""
        body = {"language": "sql", "command": command}
        answer = await self._post(f"command/{database}", body, request=command)
        return cast("list[dict[str, object]]", answer.get("result", []))

    async def server(self, command: str, *, shown: str | None = None) -> None:
        """Run one server command; `shown` stands for it in errors where it holds a secret."""
        await self._post("server", {"command": command}, request=shown or command)

    async def databases(self) -> list[str]:
        """Return the names of all databases."""
        answer = await self._post("server", {"command": "list databases"}, request="list databases")
        return sorted(str(name) for name in cast("list[object]", answer.get("result", [])))

    async def end_queries(self, mark: str) -> bool:
        """End the queries whose text holds `mark`; tell whether all of them ended."""
        answer = await self._post("server", {"command": "list queries"}, request="list queries")
        queries = cast("list[dict[str, object]]", answer.get("result", []))
        ended = True
        for query in queries:
            if mark in str(query.get("text")):
                command = f"terminate query {query['id']}"
                said = await self._post("server", {"command": command}, request=command)
                status = cast("dict[str, object]", said.get("result", {})).get("status")
                ended = ended and status == "terminated"
        return ended

    async def _post(self, path: str, body: dict[str, str], *, request: str) -> dict[str, Any]:
        document = json.dumps(body).encode()
        try:
            return await asyncio.to_thread(self._exchange, path, document, request)
        except (GraphRefused, GraphUnavailable) as error:
            found = error if self._explain is None else self._explain(error)
            if found is error:
                raise
            raise found from None

    def _exchange(self, path: str, body: bytes, request: str) -> dict[str, Any]:
        call = urllib.request.Request(  # noqa: S310 - our own http:// loopback address.
            f"{self._url}/api/v1/{path}", data=body, headers=self._headers, method="POST"
        )
        try:
            with urllib.request.urlopen(call, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above.
                return cast("dict[str, Any]", json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")[:500]
            if error.code in {401, 403}:
                raise GraphRefused(
                    "the embedded graph refused its root user",
                    fix="take username and password from credentials.json in the graph's folder",
                ) from error
            raise GraphUnavailable(
                f"the embedded graph refused {request!r}: {said}", fix=_FIX
            ) from error
        except (OSError, ValueError) as error:
            raise GraphUnavailable(
                f"the embedded graph does not answer: {error}", fix=_FIX
            ) from error


def admin_of(address: GraphAddress, *, explain: Explain | None = None) -> Admin:
    """Return the administration of the embedded graph at `address`."""
    if address.admin_url is None:
        raise SetupInvalid(
            f"{address.uri} is not an embedded graph of ours: its HTTP is not known",
            fix="give the address of an EmbeddedGraph",
        )
    return Admin(
        address.admin_url,
        username=address.username,
        password=address.password.get_secret_value(),
        explain=explain,
    )
