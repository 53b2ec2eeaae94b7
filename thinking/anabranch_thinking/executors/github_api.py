"""Workflows by GitHub's REST API: dispatch and follow a run, cancel it, fetch an artifact."""

from __future__ import annotations

import hashlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch_events.errors import InputInvalid
from anabranch_thinking.errors import DoNotRetry, ExecutorFailed, RetryLater
from anabranch_thinking.executors.output import OUTPUT_MAX
from anabranch_thinking.executors.service_errors import (
    PAUSE_S,
    asked_pause_s,
    check_client,
    refused,
    unreachable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    import httpx2

TIMEOUT_S: Final = 30.0
LIMITED_MAX_S: Final = 3600.0
"""The longest pause that a rate limit is believed to need: limits are counted by the hour."""
_VERSION: Final = "2022-11-28"
_LIMITED: Final = frozenset({403, 429})
_NOT_FOUND: Final = 404
_FINE: Final = range(200, 300)
_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
_NOT_UNDERSTOOD: Final = frozenset({400, 422})


class Run(NamedTuple):
    """A run of a workflow. `conclusion` is None until it has ended."""

    run_id: int
    title: str
    conclusion: str | None


class Artifact(NamedTuple):
    """A file that a run uploaded; `digest` is that of the archive, where GitHub says one."""

    artifact_id: int
    address: str
    expired: bool
    digest: str | None


def check_access(token: str | None) -> None:
    """Raise InputInvalid without a token, and where the client is not installed."""
    check_client("httpx2", extra="graph")
    if not token:
        raise InputInvalid(
            "executor: GitHub wants a token to run a workflow",
            field="executor",
            fix="set ANABRANCH_GITHUB_TOKEN",
        )


class GitHubApi:
    """The workflows of one repository, at the REST API of `url`. Made by `open`.

    Each call raises RetryLater for a service that is busy, limits us or is away, and DoNotRetry for
    one that refuses.
    """

    def __init__(self, client: httpx2.AsyncClient, *, repository: str, by: str) -> None:
        self._client = client
        self._repository = f"/repos/{repository}"
        self._by = by

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, token: str | None, repository: str, by: str
    ) -> AsyncGenerator[GitHubApi]:
        """Open a client for a repository; `by` is the executor's name in errors."""
        check_access(token)
        import httpx2

        headers = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {token}",
            "user-agent": "anabranch",
            "x-github-api-version": _VERSION,
        }
        async with httpx2.AsyncClient(
            base_url=url.rstrip("/"), headers=headers, timeout=TIMEOUT_S, follow_redirects=False
        ) as client:
            yield cls(client, repository=repository, by=by)

    async def dispatch(self, workflow: str, *, ref: str, inputs: Mapping[str, str]) -> int | None:
        """Start a run; return its id, None where the server does not say it.

        A GitHub Enterprise Server that does not know the question for the id is not asked for it.
        """
        path = f"{self._repository}/actions/workflows/{workflow}/dispatches"
        body = {"ref": ref, "inputs": dict(inputs)}
        status, answer, headers = await self._ask(
            "POST", path, {**body, "return_run_details": True}
        )
        if status in _NOT_UNDERSTOOD and b"return_run_details" in answer:
            status, answer, headers = await self._ask("POST", path, body)
        self._check(status, answer, headers)
        # An empty answer is an accepted run, too.
        run_id = self._object(answer).get("workflow_run_id") if answer.strip() else None
        return run_id if isinstance(run_id, int) else None

    async def runs(self, workflow: str) -> list[Run]:
        """Return the latest runs of a workflow that were dispatched, the newest first."""
        path = f"{self._repository}/actions/workflows/{workflow}/runs"
        found = await self._get(f"{path}?event=workflow_dispatch&per_page=100")
        return [self._run(one) for one in self._list(found, "workflow_runs")]

    async def run(self, run_id: int) -> Run:
        """Return a run; one that was just begun may not be known yet, which passes."""
        path = f"{self._repository}/actions/runs/{run_id}"
        status, answer, headers = await self._ask("GET", path, None)
        if status == _NOT_FOUND:
            raise RetryLater(
                f"{self._by}: run {run_id} is not there",
                delay_s=PAUSE_S,
                fix="see whether it was deleted",
            )
        self._check(status, answer, headers)
        return self._run(self._object(answer))

    async def cancel(self, run_id: int) -> None:
        """Ask for the end of a run; one that has ended refuses, and that is fine."""
        await self._ask("POST", f"{self._repository}/actions/runs/{run_id}/cancel", None)

    async def artifact(self, run_id: int, name: str) -> Artifact | None:
        """Return the newest artifact of a run by that name."""
        path = f"{self._repository}/actions/runs/{run_id}/artifacts?name={name}&per_page=100"
        found = [
            Artifact(
                one["id"],
                f"{self._repository}/actions/artifacts/{one['id']}/zip",
                one.get("expired") is True,
                one.get("digest") if isinstance(one.get("digest"), str) else None,
            )
            for one in self._list(await self._get(path), "artifacts")
            if one.get("name") == name and isinstance(one.get("id"), int)
        ]
        return max(found, default=None)

    async def download(self, artifact: Artifact) -> bytes:
        """Return an artifact's archive. It lies elsewhere, and the token does not go there."""
        import httpx2

        status, answer, headers = await self._ask("GET", artifact.address, None)
        if status in _ELSEWHERE:
            place = self._client.base_url.join(headers.get("location", ""))
            if place.scheme not in {"https", self._client.base_url.scheme}:
                raise DoNotRetry(
                    f"{self._by}: the artifact is said to lie at no https address",
                    fix="check the address of the API",
                )
            async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
                status, answer, headers = await self._ask("GET", str(place), None, client=client)
        self._check(status, answer, headers)
        digest = f"sha256:{hashlib.sha256(answer).hexdigest()}"
        if artifact.digest is not None and artifact.digest != digest:
            raise RetryLater(
                f"{self._by}: the artifact is not the one that was uploaded",
                delay_s=PAUSE_S,
                fix="wait for the next attempt",
            )
        return answer

    async def _get(self, path: str) -> dict[str, Any]:
        status, answer, headers = await self._ask("GET", path, None)
        self._check(status, answer, headers)
        return self._object(answer)

    async def _ask(
        self,
        method: str,
        address: str,
        body: dict[str, Any] | None,
        *,
        client: httpx2.AsyncClient | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Return the status, the body and the headers of an answer, bounded."""
        import httpx2

        content = None if body is None else orjson.dumps(body)
        taken = bytearray()
        try:
            async with (client or self._client).stream(method, address, content=content) as answer:
                async for chunk in answer.aiter_bytes():
                    taken += chunk
                    if len(taken) > OUTPUT_MAX:
                        raise DoNotRetry(
                            f"{self._by}: the answer is longer than {OUTPUT_MAX:,} bytes",
                            fix="have the workflow upload its result only",
                        )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise DoNotRetry(f"{self._by}: {error}", fix="give the whole address") from error
        except httpx2.HTTPError as error:
            raise unreachable(self._by, error) from error
        return answer.status_code, bytes(taken), answer.headers

    def _check(self, status: int, answer: bytes, headers: Mapping[str, str]) -> None:
        """Raise the error of an answer that is none."""
        if status in _FINE:
            return
        if status in _LIMITED and (limited_s := _limited_s(answer, headers)) is not None:
            raise RetryLater(
                f"{self._by}: GitHub limits the rate of requests (status {status})",
                delay_s=limited_s,
                fix="wait, or run fewer branches at a time",
            )
        raise refused(self._by, status, answer.decode(errors="replace"), headers)

    def _object(self, answer: bytes) -> dict[str, Any]:
        try:
            found = orjson.loads(answer)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise self._no_answer()
        return found

    def _list(self, found: dict[str, Any], name: str) -> list[dict[str, Any]]:
        listed = found.get(name)
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise self._no_answer()
        return listed

    def _run(self, found: dict[str, Any]) -> Run:
        run_id, status = found.get("id"), found.get("status")
        if not isinstance(run_id, int) or not isinstance(status, str):
            raise self._no_answer()
        ended = str(found.get("conclusion")) if status == "completed" else None
        return Run(run_id, str(found.get("display_title")), ended)

    def _no_answer(self) -> ExecutorFailed:
        return RetryLater(
            f"{self._by}: the answer is none of GitHub's",
            delay_s=PAUSE_S,
            fix="check the address of the API",
        )


def _limited_s(answer: bytes, headers: Mapping[str, str]) -> float | None:
    """Return the pause that a rate limit asks for; None for a refusal that is no limit.

    GitHub says `retry-after`, also as a date, or that none is left until `x-ratelimit-reset`, or
    just words.
    """
    try:
        if "retry-after" in headers:
            asked_s = asked_pause_s(headers)
            pause = 60.0 if asked_s is None else asked_s
        elif headers.get("x-ratelimit-remaining") == "0":
            pause = float(headers.get("x-ratelimit-reset", "0")) - time.time()
        elif b"rate limit" in answer:
            pause = 60.0
        else:
            return None
    except ValueError:
        pause = 60.0
    return min(LIMITED_MAX_S, max(0.0, pause))
