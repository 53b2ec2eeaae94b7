"""A local stand-in for GitHub's REST API that runs workflows, limits, drops and lies as it is asked.

It speaks what docs.github.com says of workflow dispatches, runs and artifacts (version 2022-11-28).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any

from tests.support.answering_http import Asked, Reply, answering

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

TOKEN = "ghp_planted"
ADDRESS = "acme/research/branch.yml@main"
_ACTIONS = "/repos/acme/research/actions"


class GitHub:
    """A repository with one workflow. Each run ends after a few looks, and uploads `files`.

    `faults` are answers given once each, instead of the proper one, to the requests that they match
    by method and the beginning of the path.
    """

    def __init__(
        self,
        files: dict[str, bytes] | bytes,
        *,
        conclusion: str = "success",
        looks: int = 2,
        says_id: bool = True,
        knows_question: bool = True,
        named: bool = True,
    ) -> None:
        self.asked: list[Asked] = []
        self.runs: dict[int, dict[str, Any]] = {}
        self.faults: list[tuple[str, str, Reply]] = []
        self.artifact: dict[str, Any] = {}
        self.slow_dispatch_s = 0.0
        self._archive = files if isinstance(files, bytes) else _zipped(files)
        self._conclusion = conclusion
        self._looks = looks
        self._says_id = says_id and knows_question
        self._knows_question = knows_question
        self._named = named
        self._url = ""
        self._lock = threading.Lock()

    def serving(self) -> AbstractContextManager[str]:
        """Serve on loopback; give its address."""
        return answering(self._answer)

    def fault(self, method: str, path: str, *replies: Reply) -> None:
        """Answer so, once each, to requests for `path` under the actions of the repository."""
        self.faults += [(method, path, one) for one in replies]

    def begin(self, title: str) -> int:
        """Begin a run."""
        run_id = 9_000_000_000 + len(self.runs)
        self.runs[run_id] = {"id": run_id, "display_title": title, "status": "queued", "looks": 0}
        return run_id

    def paths(self, method: str = "POST") -> list[str]:
        """Return the paths that were asked for, under the actions of the repository."""
        return [one.path.removeprefix(_ACTIONS) for one in self.asked if one.method == method]

    def _answer(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if asked.path.startswith("/storage/"):
                return Reply(self._archive, "application/zip")
            if asked.headers.get("authorization") != f"Bearer {TOKEN}":
                return _says(401, {"message": f"Bad credentials: {TOKEN[:6]}"})
            path = asked.path.removeprefix(_ACTIONS)
            for fault in self.faults:
                if fault[0] == asked.method and path.startswith(fault[1]):
                    self.faults.remove(fault)
                    return fault[2]
            return self._routed(asked, path)

    def _routed(self, asked: Asked, path: str) -> Reply:
        routes: list[tuple[str, Callable[..., Reply]]] = [
            (r"POST /workflows/branch\.yml/dispatches", lambda: self._dispatch(asked)),
            (r"GET /workflows/branch\.yml/runs\?.*", self._list),
            (r"GET /runs/(\d+)", self._run),
            (r"POST /runs/(\d+)/cancel", self._cancel),
            (r"GET /runs/(\d+)/artifacts\?name=anabranch.*", self._artifacts),
            (r"GET /artifacts/7/zip", lambda: self._elsewhere(asked)),
        ]
        for pattern, answer in routes:
            if found := re.fullmatch(pattern, f"{asked.method} {path}"):
                return answer(*map(int, found.groups()))
        return _says(404, {"message": "Not Found"})

    def _dispatch(self, asked: Asked) -> Reply:
        body = json.loads(asked.body)
        wants_id = body.pop("return_run_details", False)
        if wants_id and not self._knows_question:
            return _says(422, {"message": 'Invalid request.\n\n"return_run_details" is not a key.'})
        if set(body) != {"ref", "inputs"} or set(body["inputs"]) != {"branch"}:
            return _says(422, {"message": "Unexpected inputs provided"})
        session_id = json.loads(body["inputs"]["branch"])["session_id"]
        run_id = self.begin(session_id if self._named else "Branch")
        time.sleep(self.slow_dispatch_s)
        if wants_id and self._says_id:
            return _says(200, {"workflow_run_id": run_id, "run_url": "", "html_url": ""})
        return Reply(status=204)

    def _list(self) -> Reply:
        found = sorted(self.runs.values(), key=lambda one: -int(one["id"]))
        return _says(200, {"total_count": len(found), "workflow_runs": found})

    def _run(self, run_id: int) -> Reply:
        run = self.runs[run_id]
        run["looks"] += 1
        if run["status"] != "completed":
            ended = run["looks"] > self._looks
            run["status"] = "completed" if ended else "in_progress"
            run["conclusion"] = self._conclusion if ended else None
        return _says(200, run)

    def _cancel(self, run_id: int) -> Reply:
        if self.runs[run_id]["status"] == "completed":
            return _says(409, {"message": "Cannot cancel a workflow run that is completed."})
        self.runs[run_id] |= {"status": "completed", "conclusion": "cancelled"}
        return _says(202, {})

    def _artifacts(self, _run_id: int) -> Reply:
        digest = f"sha256:{hashlib.sha256(self._archive).hexdigest()}"
        found = {"id": 7, "name": "anabranch", "expired": False, "digest": digest, **self.artifact}
        return _says(200, {"total_count": 1, "artifacts": [found]})

    def _elsewhere(self, asked: Asked) -> Reply:
        place = f"http://{asked.headers['host']}/storage/7?signature=secret"
        return Reply(status=302, headers={"location": place})


def _says(status: int, body: dict[str, Any]) -> Reply:
    return Reply(json.dumps(body).encode(), status=status)


def _zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()
