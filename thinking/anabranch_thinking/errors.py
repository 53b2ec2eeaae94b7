"""Thinking's errors, in the tree whose root is `anabranch_events.errors`.

::

    AnabranchError
    ├── NotFound
    │   ├── InsightNotFound
    │   └── NothingLearned       the thought has no insights to consolidate
    ├── Conflict
    │   ├── BranchTaken          another worker holds the branch
    │   ├── ClaimLost            the branch went to another worker meanwhile
    │   ├── ResourceTaken        another session has a claim on the resource
    │   └── TokenStale           the claim on the resource ended, or is another session's by now
    ├── Unavailable
    │   └── PoolFailed           the scheduler of a pool refused, or did not answer
    └── ExecutorFailed           what ran for the branch gave no finding
        ├── BranchTimedOut       it took longer than it may
        ├── RetryLater           another attempt may succeed, after a while
        ├── DoNotRetry           no attempt will succeed
        └── ThoughtFailed        no branch of the thought completed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.errors import (
    AnabranchError,
    Conflict,
    InputInvalid,
    NotFound,
    SessionEnded,
    SessionNotFound,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

__all__ = [
    "AnabranchError",
    "BranchTaken",
    "BranchTimedOut",
    "ClaimLost",
    "Conflict",
    "DoNotRetry",
    "ExecutorFailed",
    "InputInvalid",
    "InsightNotFound",
    "NotFound",
    "NothingLearned",
    "PoolFailed",
    "ResourceTaken",
    "RetryLater",
    "SessionEnded",
    "SessionNotFound",
    "ThoughtFailed",
    "TokenStale",
    "Unavailable",
]


class InsightNotFound(NotFound):
    """No insight of this id was recorded in this namespace."""

    def __init__(self, insight_id: str, *, namespace: str) -> None:
        super().__init__(
            f"insight {insight_id} does not exist in namespace {namespace!r}",
            fix="take the insight_id from a recall or from what `remember` returned",
        )
        self.insight_id = insight_id
        self.namespace = namespace


class NothingLearned(NotFound):
    """Nothing is held that could be consolidated; `root_id` names the thought, if it is one."""

    def __init__(self, root_id: str | None, *, about: str | None = None) -> None:
        super().__init__(
            f"{about or f'the thought {root_id}'} has no insights to consolidate",
            fix="remember something in its branches, or complete them with insights"
            if about is None
            else "check the name and the namespace, and that its insights still hold",
        )
        self.root_id = root_id


class BranchTaken(Conflict):
    """Another worker took the branch first; `worker` names it."""

    def __init__(self, session_id: str, *, worker: str, attempt: int) -> None:
        super().__init__(
            f"branch {session_id} was taken by {worker} (attempt {attempt})",
            fix="leave it to that worker, or take it over with a higher attempt",
        )
        self.session_id = session_id
        self.worker = worker
        self.attempt = attempt


class ClaimLost(Conflict):
    """The branch went to another worker while this one worked; its result was not stored."""

    def __init__(self, session_id: str, *, worker: str, attempt: int) -> None:
        super().__init__(
            f"branch {session_id} is no longer held by {worker} (attempt {attempt})",
            fix="drop the result: the worker that holds the branch now will give one",
        )
        self.session_id = session_id
        self.worker = worker
        self.attempt = attempt


class PoolFailed(Unavailable):
    """The scheduler of a pool of workers refused a job, or does not answer.

    The scaler says so, leaves the pool as it is, and tries again.
    """


class ResourceTaken(Conflict):
    """Another session has a claim on the resource, until `expires_at` if it does not go on."""

    def __init__(self, resource: str, *, holder: str, token: int, expires_at: datetime) -> None:
        super().__init__(
            f"{resource!r} is claimed by session {holder} until "
            f"{expires_at.isoformat(timespec='seconds')} (token {token})",
            fix="do something else, wait for it with `wait_s`, or try again then",
        )
        self.resource = resource
        self.holder = holder
        self.token = token
        self.expires_at = expires_at


class TokenStale(Conflict):
    """The claim with this token holds no more: nothing was stored under it."""

    def __init__(self, resource: str, *, token: int) -> None:
        super().__init__(
            f"the claim on {resource!r} with the token {token} holds no more",
            fix="drop what was done under it, or claim the resource again",
        )
        self.resource = resource
        self.token = token


class ExecutorFailed(AnabranchError):
    """The executor of a branch ended without a finding."""


class BranchTimedOut(ExecutorFailed):
    """The branch took longer than it may and was stopped."""

    def __init__(self, session_id: str, *, timeout_s: float) -> None:
        super().__init__(
            f"branch {session_id} was stopped after {round(timeout_s, 1 if timeout_s >= 1 else 3):g} s",
            fix="give the branches a longer timeout, or a smaller task",
        )
        self.session_id = session_id
        self.timeout_s = timeout_s


class RetryLater(ExecutorFailed):
    """An attempt that failed for now; raise it to have another one made after `delay_s`.

    It is made even where the thought allows no retries, a few times.
    """

    def __init__(
        self, message: str, *, delay_s: float = 1.0, fix: str = "wait for the next attempt"
    ) -> None:
        super().__init__(message, fix=fix)
        self.delay_s = delay_s


class DoNotRetry(ExecutorFailed):
    """An attempt that failed for good; raise it to have none made after it."""

    def __init__(self, message: str, *, fix: str = "change the task or its executor") -> None:
        super().__init__(message, fix=fix)


class ThoughtFailed(ExecutorFailed):
    """No branch of the thought completed; `errors` has the reason of each, by its session.

    Those in `late` were at work, or waited for it, when the thought was joined without them.
    """

    def __init__(
        self, session_id: str, *, errors: Mapping[str, str], late: Collection[str] = ()
    ) -> None:
        first = next((why for one, why in errors.items() if one not in late), None)
        none = f"none of the {len(errors)} branches of {session_id}"
        if late and first is None:
            super().__init__(
                f"{none} had ended when the thought's deadline passed",
                fix="give it longer; a branch over workers waits for one that allows its executor, "
                "as `anabranch workers list` shows",
            )
        else:
            super().__init__(
                f"{none} completed; the first: {first or 'there was none'}",
                fix="mend the executor, or look at the branches with `anabranch session tree`",
            )
        self.session_id = session_id
        self.errors = dict(errors)
