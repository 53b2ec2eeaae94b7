"""Branches that run as workflows of GitHub Actions: dispatched, followed, fetched and cancelled."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
import yaml

from anabranch_events.errors import InputInvalid
from anabranch_thinking import BranchTask, DoNotRetry, ExecutorFailed, RetryLater, think
from anabranch_thinking.executors.access import ExecutorAccess
from anabranch_thinking.executors.github_actions import ARTIFACT, INPUT, GitHubActionsExecutor
from anabranch_thinking.sessions.findings import Finding
from anabranch_thinking.work.allowed import allowed_executors
from tests.support.answering_http import Reply
from tests.support.commanding_process import lone_branch
from tests.support.github import ADDRESS, TOKEN, GitHub
from tests.support.patience import PATIENCE_S, until
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from anabranch_thinking import Sessions

FOUND = {"result.json": json.dumps({"result": "The hotel.", "insights": ["A bath."]}).encode()}
POLL_S = 0.01


def executor(url: str, *, token: str | None = TOKEN) -> GitHubActionsExecutor:
    """Return an executor that looks often."""
    return GitHubActionsExecutor(ADDRESS, url=url, token=token, poll_s=POLL_S)


async def test_a_branch_is_a_run_and_its_artifact_the_finding(sessions: Sessions) -> None:
    """The workflow gets the branch, the branch the finding, and the storage no token."""
    github = GitHub(FOUND)
    with github.serving() as url:
        thought = await think(
            sessions,
            "Plan the trip",
            branches=[BranchTask(task="Find a hotel")],
            executor=executor(url),
        )

    (branch,) = thought.branches
    dispatched = json.loads(github.asked[0].body)
    stored = [one for one in github.asked if one.path.startswith("/storage/")]
    assert (branch.result, branch.attempts) == ("The hotel.", 1)
    assert len(branch.insight_ids) == 1
    assert (dispatched["ref"], dispatched["return_run_details"]) == ("main", True)
    assert json.loads(dispatched["inputs"]["branch"])["task"] == "Find a hotel"
    assert github.asked[0].headers["x-github-api-version"] == "2022-11-28"
    assert len(stored) == 1
    assert "authorization" not in stored[0].headers
    assert github.paths() == ["/workflows/branch.yml/dispatches"]


@pytest.mark.parametrize("knows_question", [True, False], ids=["no id", "older server"])
async def test_an_accepted_run_of_unknown_id_is_found_by_its_name(knows_question: bool) -> None:
    """An empty answer is an accepted run; a server that refuses the question is asked without."""
    github = GitHub(FOUND, says_id=False, knows_question=knows_question)
    github.begin("another branch")
    with github.serving() as url:
        found = await executor(url).run(lone_branch())

    assert isinstance(found, Finding)
    assert found.result == "The hotel."
    assert len(github.runs) == 2


async def test_what_fails_on_the_way_does_not_end_the_run() -> None:
    """Drops, faults, lies, and a run that is not known yet pass; there is one run."""
    github = GitHub({"result.txt": b"The hotel.\n"}, looks=4)
    github.fault(
        *("GET", "/runs/"),
        Reply(b'{"message": "Not Found"}', status=404),
        Reply(b"<html>busy</html>", "text/html", status=502),
        Reply(b"{}", cut=True),
        Reply(b"<html>fine</html>", "text/html"),
        Reply(b'{"id": "one", "status": 7}'),
    )
    with github.serving() as url:
        found = await executor(url).run(lone_branch())

    assert found == "The hotel."
    assert github.faults == []
    assert len(github.runs) == 1


async def test_another_attempt_follows_the_run_of_the_one_before() -> None:
    """A run that goes on is not begun again, and one that was cancelled is."""
    github, branch = GitHub({"result.txt": b"The hotel."}), replace(lone_branch(), attempt=2)
    going = github.begin(branch.session_id)
    with github.serving() as url:
        await executor(url).run(branch)
        assert set(github.runs) == {going}

        github.runs[going]["conclusion"] = "cancelled"
        await executor(url).run(branch)

    assert len(github.runs) == 2


async def test_a_dispatch_whose_answer_is_lost_is_not_made_twice() -> None:
    """The attempt ends as one to be made again, and the next one finds the run."""
    github, branch = GitHub({"result.txt": b"The hotel."}), lone_branch()
    github.fault("POST", "/workflows/", Reply(b"{}", cut=True))
    with github.serving() as url:
        with pytest.raises(RetryLater):
            await executor(url).run(branch)
        github.begin(branch.session_id)  # It had arrived.
        found = await executor(url).run(replace(branch, attempt=2))

    assert found == "The hotel."
    assert len(github.runs) == 1


@pytest.mark.parametrize(
    ("headers", "body", "least_s", "most_s"),
    [
        ({"retry-after": "17"}, b"{}", 17, 17),
        ({"retry-after": "DATE"}, b"{}", 80, 100),
        ({"retry-after": "in a while"}, b"{}", 60, 60),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "SOON"}, b"{}", 80, 100),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "never"}, b"{}", 60, 60),
        ({}, b'{"message": "You have exceeded a secondary rate limit"}', 60, 60),
        ({"retry-after": "999999"}, b"{}", 3600, 3600),
    ],
    ids=["after", "date", "no date", "reset", "nonsense", "secondary", "too long"],
)
async def test_a_rate_limit_is_waited_for(
    headers: dict[str, str], body: bytes, least_s: float, most_s: float
) -> None:
    """A refusal that is a limit is tried again after the pause that GitHub names, within an hour."""
    until = time.time() + 100
    soon = {"SOON": str(int(until)), "DATE": formatdate(until, usegmt=True)}
    named = {name: soon.get(value, value) for name, value in headers.items()}
    github = GitHub(FOUND)
    github.fault("POST", "/workflows/", Reply(body, status=403, headers=named))
    with github.serving() as url, pytest.raises(RetryLater, match="limits") as limited:
        await executor(url).run(lone_branch())

    assert least_s <= limited.value.delay_s <= most_s


@pytest.mark.parametrize(
    ("github", "artifact", "error", "said"),
    [
        (GitHub(FOUND, conclusion="failure"), {}, ExecutorFailed, "ended with failure"),
        (GitHub(FOUND), {"name": "another"}, DoNotRetry, "no artifact"),
        (GitHub(FOUND), {"expired": True}, DoNotRetry, "no artifact"),
        (GitHub(FOUND), {"digest": "sha256:0"}, RetryLater, "not the one that was uploaded"),
        (GitHub({"a": b"1", "b": b"2"}), {}, ExecutorFailed, "2 files"),
        (GitHub({"a": b"x" * (4 * 1024 * 1024 + 1)}), {}, DoNotRetry, "longer than"),
        (GitHub({"a": b"\xff\xfe"}), {}, ExecutorFailed, "not UTF-8"),
        (GitHub({"a": b" \n"}), {}, ExecutorFailed, "empty"),
        (GitHub({"a": b'{"result": 7}'}), {}, ExecutorFailed, "not a finding"),
        (GitHub(b"PK\x03\x04 and no more"), {}, RetryLater, "cannot be read"),
        (GitHub(b"x" * (4 * 1024 * 1024 + 1)), {}, DoNotRetry, "longer than"),
        (GitHub(FOUND, says_id=False, named=False), {}, DoNotRetry, "in its name"),
    ],
    ids=[
        *("fails", "elsewhere", "expired", "changed", "two", "large", "binary", "empty", "lies"),
        *("broken", "endless", "nameless"),
    ],
)
async def test_what_is_no_result_is_a_clear_error(
    github: GitHub,
    artifact: dict[str, object],
    error: type[ExecutorFailed],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What may pass is tried again later, and what will not is not."""
    monkeypatch.setattr("anabranch_thinking.executors.github_actions.FOUND_S", 0.1)
    github.artifact = artifact
    with github.serving() as url, pytest.raises(error, match=said):
        await executor(url).run(lone_branch())


async def test_an_artifact_may_be_stored_unzipped() -> None:
    """An artifact that was uploaded as it is comes as it is."""
    with GitHub(b"The hotel.").serving() as url:
        assert await executor(url).run(lone_branch()) == "The hotel."


@pytest.mark.parametrize("slow_s", [0.0, 0.3], ids=["followed", "dispatched"])
async def test_a_cancelled_branch_cancels_its_run(slow_s: float) -> None:
    """Also one whose dispatch is still under way: no run is left behind."""
    github = GitHub(FOUND, looks=10_000)
    github.slow_dispatch_s = slow_s
    with github.serving() as url:
        running = asyncio.create_task(executor(url).run(lone_branch()))
        await until(lambda: bool(github.runs) and (bool(slow_s) or len(github.asked) > 2))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, PATIENCE_S)

    (run,) = github.runs.values()
    assert run["conclusion"] == "cancelled"


async def test_a_refused_token_is_not_repeated() -> None:
    """The error says what to do, and holds no part of what the service says of the token."""
    with GitHub(FOUND).serving() as url:
        with pytest.raises(DoNotRetry, match="refused the key") as refused:
            await executor(url, token="ghp_wrong").run(lone_branch())
        with pytest.raises(InputInvalid, match="wants a token"):
            await executor(url, token=None).run(lone_branch())

    assert "ghp_" not in str(refused.value)


async def test_a_branch_that_is_too_long_for_an_input_is_not_sent() -> None:
    """GitHub would refuse it after all."""
    github = GitHub(FOUND)
    with github.serving() as url, pytest.raises(DoNotRetry, match="too many for an input"):
        await executor(url).run(replace(lone_branch(), task="x" * 65_000))

    assert github.asked == []


def test_a_worker_runs_workflows_that_it_was_named() -> None:
    """The address is the executor's name, or one is given; what names no workflow is refused."""
    access = ExecutorAccess(github_token=TOKEN)
    address = f"github-actions://{ADDRESS}"

    found = allowed_executors([address, f"hotel={address}"], access=access)

    assert set(found) == {address, "hotel"}
    assert {one.name for one in found.values()} == {"github-actions://acme/research/branch.yml"}
    for bad in (
        "acme/research",
        "acme/research/branch.yml",
        "acme/../x@main",
        "a/b/..@c",
        "a/b/c@d@e",
    ):
        with pytest.raises(InputInvalid, match="names no workflow"):
            allowed_executors([f"github-actions://{bad}"], access=access)


def test_the_workflow_of_the_page_fits_the_executor() -> None:
    """Its input, its name and its artifact are those that the executor goes by."""
    page = (ROOT / "docs/how-to/run-branches-in-github-actions.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    workflow = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes text alone; `on` stays one.
    *_, upload = workflow["jobs"]["think"]["steps"]

    assert workflow["run-name"] == f"${{{{ fromJSON(inputs.{INPUT}).session_id }}}}"
    assert set(workflow["on"]["workflow_dispatch"]["inputs"]) == {INPUT}
    assert upload["with"]["name"] == ARTIFACT
