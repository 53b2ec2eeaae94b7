"""The branch as it is sent out of this process, and the finding in what comes back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError

from anabranch_events.event.complaint import in_words
from anabranch_thinking.errors import ExecutorFailed
from anabranch_thinking.executors.base import ForkedWork
from anabranch_thinking.sessions.findings import Finding, InsightDraft, plain
from anabranch_thinking.sessions.sessions import BranchTask

if TYPE_CHECKING:
    from anabranch_thinking.executors.base import BranchContext

OUTPUT_MAX: Final = 4 * 1024 * 1024
"""The bytes of a result that are taken, at most."""

_FORM: Final = 'write {"result": TEXT, "insights": [TEXT or {"text": TEXT, ...}, ...]}'
_FINDING: Final = re.compile(r'\{\s*"(result|insights|branches|join)"\s*:')


def branch_as_json(branch: BranchContext) -> bytes:
    """Return the branch as one JSON object."""
    return orjson.dumps(
        {
            "session_id": branch.session_id,
            "parent_id": branch.parent_id,
            "root_id": branch.root_id,
            "namespace": branch.namespace,
            "task": branch.task,
            "role": branch.role,
            "instructions": branch.instructions,
            "depth": branch.depth,
            "attempt": branch.attempt,
            "deadline": branch.deadline,
        }
    )


def finding_in(text: str, *, by: str) -> Finding | ForkedWork | str:
    """Return the finding in a text: its JSON where it is one, else the text.

    Raises ExecutorFailed where it is JSON of a finding that breaks a rule. It does so, too, where
    it begins like one and is no JSON: that was cut off, or something stands behind it.
    """
    fields = _object(text, by=by)
    if "result" not in fields and "branches" not in fields:
        return text
    try:
        if "branches" in fields:
            return _forked(fields)
        return Finding(
            result=fields["result"],
            insights=tuple(
                InsightDraft(text=insight)
                if isinstance(insight, str)
                else InsightDraft.model_validate(insight)
                for insight in _listed(fields, "insights")
            ),
        )
    except (ValidationError, TypeError) as error:
        raise ExecutorFailed(
            f"{by} wrote JSON that is not a finding: {in_words(error)}", fix=_FORM
        ) from error


def text_of(written: bytes, *, by: str, what: str) -> str:
    """Return what was written as text, without terminal codes; `what` names it in errors.

    Raises ExecutorFailed where it is not UTF-8: memory would keep what nobody can read.
    """
    try:
        return plain(written.decode())
    except UnicodeDecodeError as error:
        raise ExecutorFailed(
            f"{by}: {what} is not UTF-8 text: {error.reason}",
            fix="have it write text or JSON, in UTF-8",
        ) from error


def _forked(fields: dict[str, Any]) -> ForkedWork:
    """Return the work that is passed on to forks. Raises ValidationError, TypeError."""
    tasks = [
        BranchTask(task=one) if isinstance(one, str) else BranchTask.model_validate(one)
        for one in _listed(fields, "branches")
    ]
    return ForkedWork(tasks, fields.get("join", "all"))


def _listed(fields: dict[str, Any], name: str) -> list[Any]:
    """Return a list among the fields. Raises TypeError: each letter of a text would be an item."""
    found = fields.get(name)
    if found is None and name == "insights":
        return []
    if not isinstance(found, list):
        raise TypeError(f"{name}: is no list")
    return found


def _object(text: str, *, by: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if _FINDING.match(text):
            raise ExecutorFailed(
                f"{by} wrote the beginning of a finding that is not JSON: {error}", fix=_FORM
            ) from error
        return {}
    return fields if isinstance(fields, dict) else {}
