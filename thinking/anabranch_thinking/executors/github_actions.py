"""The executor that runs a workflow of GitHub Actions, and takes an artifact as its finding."""

from __future__ import annotations

import asyncio
import io
import re
import time
import zipfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid
from anabranch_thinking.errors import DoNotRetry, ExecutorFailed, RetryLater
from anabranch_thinking.executors.github_api import GitHubApi, check_access
from anabranch_thinking.executors.output import OUTPUT_MAX, branch_as_json, finding_in, text_of
from anabranch_thinking.executors.service_errors import PAUSE_S
from anabranch_thinking.sessions.findings import plain

if TYPE_CHECKING:
    from anabranch_thinking.executors.base import BranchContext, ForkedWork
    from anabranch_thinking.executors.github_api import Run
    from anabranch_thinking.sessions.findings import Finding

SCHEME: Final = "github-actions"
ARTIFACT: Final = "anabranch"
INPUT: Final = "branch"
INPUT_MAX: Final = 65_000
"""The characters of a branch that fit: GitHub takes 65,535 of all inputs."""
POLL_S: Final = 3.0
POLL_MAX_S: Final = 30.0
FOUND_S: Final = 60.0
"""The time after which a run whose id nobody said must be listed."""
CANCEL_S: Final = 5.0
MISSED_MAX: Final = 10
"""The answers in a row that may fail while a run is followed."""
_ADDRESS: Final = re.compile(
    r"([A-Za-z0-9-]+/(?!\.+/)[\w.-]+)/(?!\.+@)([\w.-]+)@([^\s@]+)", re.ASCII
)


class GitHubActionsExecutor:
    """An executor that runs the workflow at `OWNER/REPOSITORY/WORKFLOW@REF` for each branch.

    The workflow gets the branch as JSON in the input `branch`. Its run must have the branch's
    session id in its `run-name`: a run that another worker began is found by it, and followed. Its
    finding is the one file of the artifact `anabranch`, as a command would write it. A branch that
    is cancelled cancels its run.
    """

    def __init__(
        self, address: str, *, url: str, token: str | None, poll_s: float = POLL_S
    ) -> None:
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise InputInvalid(
                f"executor: {SCHEME}://{address} names no workflow",
                field="executor",
                fix=f"say {SCHEME}://OWNER/REPOSITORY/WORKFLOW.yml@BRANCH",
            )
        self._repository, self._workflow, self._ref = found.groups()
        self._url = url
        self._token = token
        self._poll_s = poll_s
        self.name = f"{SCHEME}://{self._repository}/{self._workflow}"[:256]

    def check_here(self) -> None:
        """Raise InputInvalid without a token, and where the client is not installed."""
        check_access(self._token)

    async def run(self, branch: BranchContext) -> Finding | ForkedWork | str:
        """Return the finding of a run.

        Raises RetryLater for a service that is busy or away, DoNotRetry for one that refuses, and
        ExecutorFailed for a run that fails.
        """
        async with GitHubApi.open(
            self._url, token=self._token, repository=self._repository, by=self.name
        ) as api:
            run_id = await self._begun(api, branch)
            try:
                conclusion = await self._followed(api, run_id)
            except asyncio.CancelledError:
                await _cancel(api, run_id)
                raise
            if conclusion != "success":
                raise ExecutorFailed(
                    f"{self.name}: run {run_id} ended with {plain(conclusion)}",
                    fix="see the run's own log on GitHub",
                )
            return await self._found(api, run_id)

    async def _begun(self, api: GitHubApi, branch: BranchContext) -> int:
        """Return the run for the branch: one that goes on, or did what it should, or a new one."""
        if branch.attempt > 1:
            for run in await self._runs_of(api, branch):
                if run.conclusion in {None, "success"}:
                    return run.run_id
        given = branch_as_json(branch).decode()
        if len(given) > INPUT_MAX:
            raise DoNotRetry(
                f"{self.name}: the branch has more than {INPUT_MAX} characters, too many for an "
                "input of a workflow",
                fix="give it a shorter task, and let it ask for the rest",
            )
        dispatching = asyncio.ensure_future(
            api.dispatch(self._workflow, ref=self._ref, inputs={INPUT: given})
        )
        try:
            run_id = await asyncio.shield(dispatching)
            return await self._listed(api, branch) if run_id is None else run_id
        except asyncio.CancelledError:
            # It may be under way: then it has to be ended all the same.
            with suppress(ExecutorFailed, TimeoutError):
                async with asyncio.timeout(CANCEL_S):
                    run_id = await dispatching
                    for one in [run_id] if run_id else await self._going(api, branch):
                        await api.cancel(one)
            raise

    async def _listed(self, api: GitHubApi, branch: BranchContext) -> int:
        """Return the id of a run that was accepted, once the list has it."""
        deadline = time.monotonic() + max(FOUND_S, 4 * self._poll_s)
        while time.monotonic() < deadline:
            if going := await self._going(api, branch):
                return going[0]
            await asyncio.sleep(self._poll_s)
        raise DoNotRetry(
            f"{self.name}: the run was accepted, and no run has the branch's session id in its name",
            fix="give the workflow `run-name: ${{ fromJSON(inputs.branch).session_id }}`",
        )

    async def _going(self, api: GitHubApi, branch: BranchContext) -> list[int]:
        return [one.run_id for one in await self._runs_of(api, branch) if one.conclusion is None]

    async def _runs_of(self, api: GitHubApi, branch: BranchContext) -> list[Run]:
        return [run for run in await api.runs(self._workflow) if branch.session_id in run.title]

    async def _followed(self, api: GitHubApi, run_id: int) -> str:
        """Return how the run ended; some answers may fail on the way."""
        pause_s, missed = self._poll_s, 0
        while True:
            try:
                run = await api.run(run_id)
            except RetryLater as error:
                missed += 1
                if missed > MISSED_MAX:
                    raise
                # Only a longer pause than usual was asked for by the service.
                await asyncio.sleep(error.delay_s if error.delay_s > PAUSE_S else pause_s)
                continue
            if run.conclusion is not None:
                return run.conclusion
            missed = 0
            await asyncio.sleep(pause_s)
            pause_s = min(POLL_MAX_S, 1.2 * pause_s)

    async def _found(self, api: GitHubApi, run_id: int) -> Finding | ForkedWork | str:
        artifact = await api.artifact(run_id, ARTIFACT)
        if artifact is None or artifact.expired:
            raise DoNotRetry(
                f"{self.name}: run {run_id} has no artifact {ARTIFACT}",
                fix=f"have the workflow upload its result as an artifact of the name {ARTIFACT}",
            )
        content = _only_file(await api.download(artifact), by=self.name)
        text = text_of(content, by=self.name, what="the result")
        if not text:
            raise ExecutorFailed(
                f"{self.name}: the result is empty",
                fix="have the workflow write it before it is uploaded",
            )
        return finding_in(text, by=self.name)


async def _cancel(api: GitHubApi, run_id: int) -> None:
    """Cancel a run, as well as can be in a few seconds."""
    with suppress(ExecutorFailed, TimeoutError):
        async with asyncio.timeout(CANCEL_S):
            await api.cancel(run_id)


def _only_file(archive: bytes, *, by: str) -> bytes:
    """Return the one file of an archive, bounded. An artifact may also be stored unzipped."""
    if not archive.startswith(b"PK"):
        return archive
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            files = [one for one in opened.infolist() if not one.is_dir()]
            if len(files) != 1:
                raise ExecutorFailed(
                    f"{by}: the artifact holds {len(files)} files",
                    fix="upload one file: text, or the JSON of a finding",
                )
            with opened.open(files[0]) as file:
                content = file.read(OUTPUT_MAX + 1)
    # RuntimeError: a method or an encryption that it cannot read.
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise RetryLater(
            f"{by}: the artifact cannot be read: {error}",
            delay_s=PAUSE_S,
            fix="wait for the next attempt",
        ) from error
    if len(content) > OUTPUT_MAX:
        raise DoNotRetry(
            f"{by}: the result is longer than {OUTPUT_MAX:,} bytes",
            fix="have the workflow upload its result only",
        )
    return content
