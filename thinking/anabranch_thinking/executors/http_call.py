"""The executor that calls a service over HTTP: the branch is posted, the answer is the finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid
from anabranch_events.event.trace_context import TRACEPARENT, traceparent_here
from anabranch_thinking.errors import DoNotRetry, ExecutorFailed
from anabranch_thinking.executors.output import OUTPUT_MAX, branch_as_json, finding_in, text_of
from anabranch_thinking.executors.service_errors import (
    check_client,
    client_missing,
    refused,
    unreachable,
)

if TYPE_CHECKING:
    import httpx2

    from anabranch_thinking.executors.base import BranchContext, ForkedWork
    from anabranch_thinking.sessions.findings import Finding

CONNECT_S: Final = 10.0
_FINE: Final = range(200, 300)
_ELSEWHERE: Final = range(300, 400)


class HttpExecutor:
    """An executor that posts each branch to `url` as JSON, and takes the answer as its finding.

    The body is what a command gets on its stdin, the answer what a command writes. `key` is sent as
    a bearer token. `Idempotency-Key` is the branch's session id, the same in every attempt. A
    service that is busy or away is asked again, by another attempt after the pause it names.
    Redirects are refused: the host is the one that was named.
    """

    def __init__(self, url: str, *, key: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputInvalid(
                "executor: the address must begin with http:// or https://",
                field="executor",
                fix="give the whole address",
            )
        self._url = url
        self._key = key
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0].rpartition("@")[2]
        self.name = f"{scheme}://{host}"[:256]

    def check_here(self) -> None:
        """Raise InputInvalid where the client is not installed."""
        check_client("httpx2", extra="graph")

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the finding in the answer.

        Raises RetryLater for a service that is busy or away, DoNotRetry for one that refuses, and
        ExecutorFailed for an answer that is none.
        """
        try:
            import httpx2
        except ModuleNotFoundError as error:
            raise client_missing("httpx2", extra="graph") from error
        headers = {"content-type": "application/json", "idempotency-key": branch.session_id}
        traceparent = traceparent_here()
        if traceparent is not None:
            headers[TRACEPARENT] = traceparent
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        # A branch has a time limit of its own; between two bytes there is none.
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        try:
            async with (
                httpx2.AsyncClient(follow_redirects=False, timeout=timeout) as client,
                client.stream(
                    "POST", self._url, content=branch_as_json(branch), headers=headers
                ) as response,
            ):
                body = await self._read(response)
        except httpx2.InvalidURL as error:
            raise DoNotRetry(f"{self.name}: {error}", fix="give the whole address") from error
        except httpx2.HTTPError as error:
            raise unreachable(self.name, error) from error
        return self._found(response, body)

    async def _read(self, response: httpx2.Response) -> bytes:
        taken = bytearray()
        async for chunk in response.aiter_bytes():
            taken += chunk
            if len(taken) > OUTPUT_MAX:
                raise DoNotRetry(
                    f"{self.name}: the answer is longer than {OUTPUT_MAX:,} bytes",
                    fix="have the service answer with the result only",
                )
        return bytes(taken)

    def _found(self, response: httpx2.Response, body: bytes) -> Finding | ForkedWork | str:
        status = response.status_code
        if status in _ELSEWHERE:
            raise DoNotRetry(
                f"{self.name}: the service answered with a redirect (status {status})",
                fix="name the address where it is",
            )
        if status not in _FINE:
            said = body.decode(errors="replace")
            raise refused(self.name, status, said, response.headers)
        text = text_of(body, by=self.name, what="the answer")
        if not text:
            raise ExecutorFailed(
                f"{self.name}: the answer is empty",
                fix="have the service answer with the result as text or JSON",
            )
        return finding_in(text, by=self.name)
