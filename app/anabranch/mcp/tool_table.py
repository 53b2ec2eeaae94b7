"""The tools that agents see: each is an operation, with the fields that a model needs of it.

Some clients show their model only names and instructions, until it searches for a tool. So each
name says what is done to what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SESSION: Final = "The session's id, as open_session or branch_session gave it."
_AS_OF: Final = "Answer with what was known then: a position of the log, or a time (ISO 8601)."
_AROUND: Final = "A session's id: ask what it and its ancestors know, instead of everything."
_FEWER: Final = "Ask with a smaller k, or read anabranch://insight/{insight_id}."
_WHOLE_SESSION: Final = "Read anabranch://session/{session_id}."
_RECALL_FIELDS: Final = {
    "query": "The question, in plain words. Names and dates in it help.",
    "k": None,
    "session_id": _AROUND,
    "scope": "With session_id: session, lineage (it and its ancestors) or thought (the whole tree).",
    "tags": "Only insights that carry all of these tags.",
    "kinds": "Only insights of one of these kinds.",
    "as_of": _AS_OF,
    "include_retired": "Also what no longer holds.",
}


@dataclass(frozen=True, slots=True)
class Instead:
    """Another operation with the same kind of answer, for a call that gives the argument `given`.

    `fields` has the request's field for each argument; a list there is one of a single item.
    `fixed` are arguments that must have one value then. Others are left out. `alone` are those that
    mean nothing without `given`. `fixes` has what to do about an argument that has another name
    there: the operation's own words are for other surfaces.
    """

    given: str
    operation: str
    fields: Mapping[str, str]
    fixed: Mapping[str, str] = field(default_factory=dict[str, str])
    alone: tuple[str, ...] = ()
    fixes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Shortening:
    """The order in which a long answer of a tool is shortened.

    The lists of ids or counts in `ids` end first, then texts, then the lists and notes in
    `others`. The last is `main`, which the tool is asked for. Of each the end goes, but of a `tail`
    the beginning. `more` says how to see what is gone.
    """

    main: str
    more: str
    others: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    tail: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool: the operation that it is, and what of its request and answer is shown.

    `fields` has the arguments with what they mean, None where the request's own description says
    it. `answer` has the members of the answer; one with members of its own has a tuple of these.
    `instead` are other operations with such an answer, each chosen by an argument. `one_of` are
    arguments of which one must be given. `shortening` is None where an answer is always short.
    """

    name: str
    operation: str
    title: str
    description: str
    fields: Mapping[str, str | None]
    answer: Mapping[str, tuple[str, ...] | None]
    reads: bool = False
    keyed: bool = False
    instead: tuple[Instead, ...] = ()
    one_of: tuple[str, ...] = ()
    added: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    shortening: Shortening | None = None


def _plain(*names: str) -> dict[str, tuple[str, ...] | None]:
    return dict.fromkeys(names)


TOOLS: Final = (
    ToolSpec(
        "recall",
        "recall",
        "Recall insights from memory",
        "Search long-term memory for what earlier sessions learned. Returns ranked insights with "
        "their ids. Use it before you start, and whenever you are about to assume or to "
        "investigate something. Where a hit has conflicts, another insight says otherwise: find out "
        "which holds. Afterwards tell cite_insights which ones helped.",
        {**_RECALL_FIELDS, "spread": None},
        {
            "recall_id": None,
            "hits": (
                *(
                    "insight_id",
                    "session_id",
                    "text",
                    "subject",
                    "kind",
                    "tags",
                    "recorded_at",
                    "position",
                ),
                *("similarity", "retired", "also_in", "conflicts"),
            ),
            "associated": ("insight_id", "text", "subject", "strength", "start"),
            "position": None,
            "nothing_close": None,
        },
        reads=True,
        shortening=Shortening("hits", _FEWER, others=("associated",)),
    ),
    ToolSpec(
        "get_context",
        "context",
        "Get memory as text for a prompt",
        "Like recall, but as one text within a token budget, ready to read: consolidations first, "
        "the most recent value first where two differ. Each [n] in the text is an insight in "
        "citations.",
        {"tokens": "How long the text may be, in tokens.", **_RECALL_FIELDS},
        {
            "text": None,
            "citations": ("n", "insight_id"),
            "recall_id": None,
            "left_out": None,
            "position": None,
            "nothing_close": None,
        },
        reads=True,
        shortening=Shortening("text", f"{_FEWER} Or give fewer tokens.", ids=("citations",)),
    ),
    ToolSpec(
        "open_session",
        "open_session",
        "Open a session of work",
        "Begin a line of work; returns the session_id under which what you learn is kept. Open one "
        "for each task. The same task opened again is the same session, until it has ended.",
        {"task": "The task, in a sentence.", "role": "From which side, for example reviewer."},
        {**_plain("session_id", "parent_id", "position")},
        keyed=True,
        added={"parent_id": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}},
    ),
    ToolSpec(
        "branch_session",
        "branch",
        "Branch a session for parallel work",
        "Fork a session: once for each part of the work that runs in parallel. Give the new "
        "session_id to the sub-agent that does the part, so that it works in it. The same branch "
        "asked for again is the same branch: give each its own task.",
        {
            "parent_id": "The session to fork: the one that hands out the work.",
            "task": "The task of this branch, in a sentence.",
            "role": "From which side, for example risk analysis.",
        },
        {**_plain("session_id", "parent_id", "root_id", "forked_at", "position")},
        keyed=True,
    ),
    ToolSpec(
        "remember",
        "remember",
        "Remember an insight",
        "Store one thing learned that later sessions should know: a fact, a decision, a preference, "
        "a pitfall. One short text that names its subject and stands alone, without pronouns. "
        "Never secrets.",
        {
            "text": "What was learned, in one or two sentences that name their subject.",
            "subject": "Who or what it is about, or who said it, where the text does not say so.",
            "session_id": f"{_SESSION} Without it your one open session.",
            "kind": "For example observation, decision, preference, pitfall.",
            "tags": "Words to filter by.",
            "confidence": "How sure it is, from 0 to 1.",
            "valid_from": "Since when it holds in the world (ISO 8601), where that is not now.",
            "supersedes": "Ids of insights that no longer hold because of this one.",
        },
        {**_plain("insight_id", "session_id", "position")},
        keyed=True,
    ),
    ToolSpec(
        "set_note",
        "note",
        "Set a note in working memory",
        "Keep a value for the session itself, such as a plan or where you stand. get_session gives "
        "it back, and hand_off_session passes it on. Setting it again replaces it.",
        {"session_id": _SESSION, "key": "The note's name.", "value": "Any JSON value."},
        {**_plain("session_id", "position")},
    ),
    ToolSpec(
        "cite_insights",
        "cite",
        "Say which insights helped",
        "Say that recalled insights were used, confirmed or rejected. What is confirmed is found "
        "more easily later, what is rejected less. With resolves it decides an open conflict: the "
        "insight that is confirmed holds, and supersedes the other one.",
        {
            "insight_ids": "The ids from the recall; with resolves the one that holds.",
            "outcome": "used, confirmed (it was right) or rejected (it was wrong or misleading).",
            "recall_id": "The recall_id of the answer that had them.",
            "session_id": "The session that used them.",
            "resolves": "The position of the conflict that is decided, from a hit's conflicts.",
            "decision": "With resolves: what was decided, and why.",
        },
        {**_plain("session_id", "position")},
        keyed=True,
        instead=(
            Instead(
                "resolves",
                "resolve_conflict",
                {
                    "resolves": "position",
                    "decision": "decision",
                    "insight_ids": "holds",
                    "session_id": "session_id",
                    "recall_id": "recall_id",
                },
                fixed={"outcome": "confirmed"},
                alone=("decision",),
                fixes={
                    "resolves": "take the position of one in anabranch://conflicts, which are open",
                    "insight_ids": "give the one of the two that holds: "
                    "anabranch://conflict/{position} has both",
                },
            ),
        ),
    ),
    ToolSpec(
        "complete_session",
        "complete",
        "Complete a session with its result",
        "End a session or a branch with its result and what it learned, in one step. It takes "
        "nothing more afterwards.",
        {
            "session_id": _SESSION,
            "result": "What came out, in a few sentences.",
            "insights": "What later sessions should know: short texts that stand alone.",
        },
        {**_plain("session_id", "insight_ids", "position")},
        keyed=True,
        shortening=Shortening("insight_ids", _WHOLE_SESSION),
    ),
    ToolSpec(
        "consolidate_session",
        "consolidate",
        "Put together what branches found, or all about a name",
        "Synthesise what the branches of a session learned, once they have ended: one text that "
        "cites insights. Or, with entity or session_id instead, all that holds about a name, or of "
        "one session; open conflicts stand side by side at its end. Give one of the three.",
        {
            "root_id": "The session that was branched, or any session of its tree.",
            "entity": "A name: put together all that is known about it.",
            "session_id": "A session: put together what it alone learned.",
        },
        {
            **_plain("consolidation_id", "root_id", "sessions", "sources", "text", "position"),
            **_plain("method", "dropped", "fallback"),
        },
        instead=(
            Instead("entity", "synthesise", {"entity": "entity"}),
            Instead("session_id", "synthesise", {"session_id": "session_id"}),
        ),
        one_of=("root_id", "entity", "session_id"),
        shortening=Shortening(
            "text",
            "Put less together, or read anabranch://entity/{name} or "
            "anabranch://session/{session_id}.",
            ids=("dropped", "sources", "sessions"),
        ),
    ),
    ToolSpec(
        "hand_off_session",
        "hand_off",
        "Hand a session off to another agent",
        "End a session and pass its task and working memory on to a new one, for another agent or "
        "for yourself after a reset. Returns the new session's id as `to`.",
        {
            "session_id": _SESSION,
            "summary": "What the next one should know: what is done, what is open, what to avoid.",
            "to_agent": "The agent that takes over.",
        },
        {**_plain("session_id", "to", "forked_at", "working_memory", "position")},
        keyed=True,
        shortening=Shortening("working_memory", _WHOLE_SESSION),
    ),
    ToolSpec(
        "get_session",
        "show_session",
        "Look a session up",
        "A session's task, state, result, working memory and insights; also as it was earlier. Use "
        "it to take over a session that was handed to you.",
        {"session_id": _SESSION, "as_of": _AS_OF},
        {
            **_plain("session_id", "parent_id", "root_id", "depth", "task", "role", "agent"),
            **_plain("status", "result", "error", "position", "working_memory"),
            "insights": ("insight_id", "text", "kind"),
        },
        reads=True,
        shortening=Shortening("working_memory", _WHOLE_SESSION, others=("insights",)),
    ),
    ToolSpec(
        "get_history",
        "history",
        "Look up the life of an insight or a session",
        "Everything that happened to a session, an insight or a consolidation, in order: when it "
        "was learned, by whom, what superseded or cited it.",
        {"thing_id": None, "as_of": _AS_OF, "limit": None},
        {
            "events": ("position", "stored_at", "type", "session_id", "agent", "happened"),
            "earlier": None,
        },
        reads=True,
        shortening=Shortening(
            "events",
            "Give a smaller limit, or as_of for what came earlier; read "
            "anabranch://insight/{insight_id} or anabranch://session/{session_id}.",
            tail=True,
        ),
    ),
)
"""Every tool, in the order of a session: recall first, history last."""
