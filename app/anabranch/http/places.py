"""The places of the operations under `/v1`: method, path and group of each, by its name."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

TAGS: Final = {
    "memory": "Remember, recall, and correct what is remembered.",
    "sessions": "Sessions and branches: open, fork, note, hand off, end.",
    "thoughts": "Tasks fanned out over branches that workers run, and joined again.",
    "links": "Associations, conflicts and consolidations.",
    "events": "The log itself: read, followed, replayed.",
    "past": "Earlier moments: the life of one thing, and the change in between.",
    "graph": "Read-only Cypher.",
    "service": "The state of the service.",
}


class Place(NamedTuple):
    """The place of one operation; names in braces are fields of its request."""

    method: Literal["GET", "POST"]
    path: str
    tag: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the request that stand in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))


def _session(verb: str) -> Place:
    return Place("POST", f"/sessions/{{session_id}}/{verb}", "sessions")


def _insight(verb: str) -> Place:
    return Place("POST", f"/insights/{{insight_id}}/{verb}", "memory")


PLACES: Final = {
    "remember": Place("POST", "/insights", "memory"),
    "remember_all": Place("POST", "/insights/batch", "memory"),
    "recall": Place("POST", "/recall", "memory"),
    "recall_all": Place("POST", "/recall/batch", "memory"),
    "context": Place("POST", "/context", "memory"),
    "get": Place("GET", "/insights/{insight_id}", "memory"),
    "update": _insight("update"),
    "retract": _insight("retract"),
    "forget": _insight("forget"),
    "forget_all": Place("POST", "/forgettings", "memory"),
    "seal_namespace": Place("POST", "/seal", "memory"),
    "cite": Place("POST", "/citations", "memory"),
    "about": Place("GET", "/about", "memory"),
    "show_retention": Place("GET", "/retention", "memory"),
    "set_retention": Place("POST", "/retention", "memory"),
    "apply_retention": Place("POST", "/retention/apply", "memory"),
    "open_session": Place("POST", "/sessions", "sessions"),
    "list_sessions": Place("GET", "/sessions", "sessions"),
    "show_session": Place("GET", "/sessions/{session_id}", "sessions"),
    "session_tree": Place("GET", "/sessions/{session_id}/tree", "sessions"),
    "show_lanes": Place("GET", "/lanes", "sessions"),
    "branch": Place("POST", "/sessions/{parent_id}/branches", "sessions"),
    "complete": _session("complete"),
    "note": _session("notes"),
    "clear_note": _session("notes/clear"),
    "hand_off": _session("hand-off"),
    "fail": _session("fail"),
    "cancel": _session("cancel"),
    "close": _session("close"),
    "claim": _session("claims"),
    "renew_claim": _session("claims/renew"),
    "release_claim": _session("claims/release"),
    "associate": Place("POST", "/associations", "links"),
    "sever": Place("POST", "/associations/sever", "links"),
    "associations": Place("GET", "/insights/{insight_id}/associated", "links"),
    "list_associations": Place("GET", "/insights/{insight_id}/associations", "links"),
    "list_conflicts": Place("GET", "/conflicts", "links"),
    "show_conflict": Place("GET", "/conflicts/{position}", "links"),
    "resolve_conflict": Place("POST", "/conflicts/{position}/resolve", "links"),
    "settle": Place("POST", "/settle", "links"),
    "consolidate": Place("POST", "/sessions/{root_id}/consolidate", "links"),
    "synthesise": Place("POST", "/consolidations", "links"),
    "list_consolidations": Place("GET", "/consolidations", "links"),
    "start_thought": Place("POST", "/thoughts", "thoughts"),
    "list_thoughts": Place("GET", "/thoughts", "thoughts"),
    "show_thought": Place("GET", "/thoughts/{thought_id}", "thoughts"),
    "cancel_thought": Place("POST", "/thoughts/{thought_id}/cancel", "thoughts"),
    "append": Place("POST", "/events", "events"),
    "list_events": Place("GET", "/events", "events"),
    "get_event": Place("GET", "/events/{position}", "events"),
    "history": Place("GET", "/history/{thing_id}", "past"),
    "diff": Place("GET", "/diff", "past"),
    "cypher": Place("POST", "/cypher", "graph"),
    "status": Place("GET", "/status", "service"),
    "list_dead_letters": Place("GET", "/dead-letters", "service"),
    "list_tasks": Place("GET", "/tasks", "service"),
    "list_workers": Place("GET", "/workers", "service"),
}
"""Every operation of all tables, in the order in which the document lists them."""

CYPHER: Final = "cypher"
READ_ONLY: Final = frozenset({"recall", "recall_all", "context", CYPHER})
"""The operations with a body that store nothing; what has no body stores nothing either."""
EVERYWHERE: Final = frozenset({"status"})
"""The operations that show all namespaces: only a key for all of them, with all rights, may."""
UNTAGGED: Final = frozenset({"status", "list_dead_letters", "list_tasks", "list_workers"})
"""The operations whose answer may change while the log stays the same: they have no ETag."""
STREAMED: Final = frozenset({"/v1/events/stream", "/v1/replay"})
"""The addresses whose answers may have no end: they take no HEAD."""


def reads(name: str) -> bool:
    """Tell whether an operation stores nothing."""
    return PLACES[name].method == "GET" or name in READ_ONLY
