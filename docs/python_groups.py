"""The groups of the page of the Python API, in the order in which a user meets them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Group(NamedTuple):
    """One heading of the page: a sentence, and what stands below, as paths in the packages."""

    title: str
    lead: str
    paths: tuple[str, ...]


_MEMORY: Final = "anabranch.memory.memory.Memory"
_SESSION: Final = "anabranch.memory.session.Session"
_PAST: Final = "anabranch.memory.past.MemoryPast"
_RETENTION: Final = "anabranch.memory.forgetting.retention.MemoryRetention"
_TRANSFER: Final = "anabranch.memory.transfer.MemoryTransfer"
_WORK: Final = "anabranch.memory.thinking.work.MemoryWork"
_CONTEXT: Final = "anabranch_thinking.executors.base.BranchContext"
_CALLABLE: Final = "anabranch_thinking.executors.callable.CallableExecutor"
_COMMAND: Final = "anabranch_thinking.executors.command.CommandExecutor"
_GRAPH: Final = "anabranch.memory.graph.MemoryGraph"
ADAPTERS: Final = "anabranch.adapters"
_LETTERS: Final = "anabranch_projections.dead_letters.DeadLetters"
CALLED: Final = {
    _MEMORY: "memory",
    _SESSION: "session",
    _PAST: "memory.past",
    _RETENTION: "memory.retention",
    _TRANSFER: "memory.transfer",
    _GRAPH: "memory.graph",
    _WORK: "memory.work",
}
"""Classes whose methods are listed one by one where they belong, by how a program calls them."""


def _of(owner: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{owner}.{name}" for name in names)


GROUPS: Final = (
    Group(
        "Open",
        "A `Memory` is one namespace of the log and the graph, open for work.",
        (
            _MEMORY,
            *_of(_MEMORY, "open", "close", "status", "wait_for"),
        ),
    ),
    Group(
        "Write",
        "Each of these appends to the log, and returns a receipt that names the position.",
        (
            *_of(_MEMORY, "remember", "remember_all", "update", "retract", "forget"),
            *_of(_MEMORY, "forget_all"),
            *_of(_MEMORY, "cite", "associate", "sever"),
            "anabranch_thinking.sessions.findings.InsightDraft",
            "anabranch_thinking.sessions.receipts.InsightReceipt",
            "anabranch.views.SubjectForgotten",
            "anabranch_thinking.sessions.receipts.InsightsReceipt",
            "anabranch_thinking.sessions.receipts.SessionReceipt",
            "anabranch_thinking.sessions.receipts.ForgetReceipt",
            "anabranch_thinking.sessions.receipts.AssociationEnds",
            "anabranch_events.log.Receipt",
        ),
    ),
    Group(
        "Settle",
        "Memory settles what was said again, what changed and what contradicts; a person decides.",
        (
            *_of(_MEMORY, "settle", "synthesise"),
            *_of(_MEMORY, "conflicts", "conflict", "resolve_conflict", "about"),
            "anabranch.memory.settling.SettledMemory",
            "anabranch.memory.reads.links.ConflictView",
            "anabranch.memory.reads.conflicts.ConflictDetails",
            "anabranch.memory.reads.profiles.Profile",
        ),
    ),
    Group(
        "Retention",
        "How long insights are kept, and how many: a policy, and what it takes out.",
        (
            *_of(_RETENTION, "set", "show", "apply"),
            "anabranch.memory.forgetting.retention.RetentionPolicy",
            "anabranch.memory.forgetting.retention.RetentionApplied",
            "anabranch.memory.forgetting.retention.RuleOutcome",
            "anabranch_events.event.types.RetentionRule",
        ),
    ),
    Group(
        "Sessions",
        "A session is one line of thinking. It learns, notes things for itself, branches and ends.",
        (
            *_of(_MEMORY, "open_session", "session"),
            _SESSION,
            *_of(_SESSION, "remember", "remember_all", "recall", "note", "clear_note", "branch"),
            *_of(_SESSION, "hand_off", "complete", "fail", "cancel", "close", "show"),
            *_of(_SESSION, "watch", "claim", "renew", "release"),
            "anabranch.memory.watching.WatchedInsight",
            "anabranch.memory.session.SessionHold",
            *_of(_MEMORY, "show_session", "list_sessions", "session_tree"),
            "anabranch.views.SessionView",
            "anabranch.views.InsightView",
            "anabranch_thinking.sessions.receipts.CompletionReceipt",
        ),
    ),
    Group(
        "Recall",
        "Ask memory a question, or the graph a query.",
        (
            *_of(_MEMORY, "recall", "recall_all", "associations", "context", "get", "cypher"),
            "anabranch_recall.question.Recollection",
            "anabranch_recall.context.RecalledContext",
            "anabranch_recall.context.Citation",
            "anabranch_recall.question.Hit",
            "anabranch_recall.question.Why",
            "anabranch_recall.question.Association",
            "anabranch_recall.question.Lane",
            "anabranch_recall.question.Scope",
            "anabranch.views.InsightDetails",
            "anabranch_store.cypher.query.QueryResult",
        ),
    ),
    Group(
        "Think",
        "Fan a task out over branches, run them with a model of your own, and join what they find.",
        (
            *_of(_MEMORY, "think", "consolidate"),
            "anabranch_thinking.sessions.sessions.BranchTask",
            _CALLABLE,
            _COMMAND,
            _CONTEXT,
            "anabranch_thinking.sessions.findings.Finding",
            "anabranch_thinking.thought.Thought",
            "anabranch_thinking.thought.BranchOutcome",
            "anabranch_thinking.thought.Consolidation",
            "anabranch.memory.thinking.think.ThinkOptions",
            "anabranch_thinking.executors.base.ForkedWork",
            "anabranch_thinking.errors.RetryLater",
            "anabranch_thinking.errors.DoNotRetry",
            "anabranch_thinking.join.Join",
        ),
    ),
    Group(
        "Work over many processes",
        "Branches that run where `anabranch worker` does: "
        "[workers on other machines](../how-to/run-workers.md).",
        (
            *_of(
                _WORK,
                "run_worker",
                "run_pool",
                "workers",
                "drain",
                "tasks",
                "task",
                "retry",
                "cancel",
                "stats",
                "load",
            ),
            "anabranch.memory.thinking.views.TaskView",
            "anabranch.memory.thinking.views.TaskDetails",
            "anabranch.memory.thinking.views.WorkerView",
            "anabranch.memory.thinking.views.RetriedTask",
            "anabranch.memory.thinking.stats.WorkStats",
            "anabranch.memory.thinking.load.Load",
            "anabranch.memory.thinking.load.LoadWatch",
        ),
    ),
    Group(
        "The past",
        "What was known at an earlier moment, and the log read again. A moment is a position, a "
        "time, or a text that says either.",
        (
            *_of(_PAST, "position_of", "history", "diff", "event"),
            *_of(_MEMORY, "replay", "follow"),
        ),
    ),
    Group(
        "Transfer",
        "Events out of this memory and into it.",
        _of(
            _TRANSFER,
            *(
                "export",
                "import_lines",
                "append_lines",
                "verify_log",
                "snapshot",
                "namespaces",
                "seal_namespace",
                "delete_namespace",
            ),
        ),
    ),
    Group(
        "The graph",
        "The graph is a fold of the log: compared, built again, and repaired.",
        (
            *_of(
                _GRAPH,
                "digest",
                "rebuild",
                "repair",
                "foreign",
                "generations",
                "use",
                "drop",
                "dead_letters",
            ),
            _LETTERS,
            "anabranch.views.Status",
        ),
    ),
    Group(
        "Frameworks",
        "A memory for an agent framework, each from a module of its own in `anabranch.adapters`: "
        "[LangGraph](../how-to/use-with-langgraph.md), "
        "[LangChain](../how-to/use-with-langchain.md), "
        "[LlamaIndex](../how-to/use-with-llama-index.md), "
        "[OpenAI Agents SDK](../how-to/use-with-openai-agents.md), "
        "[Claude Agent SDK](../how-to/use-with-claude-agent-sdk.md).",
        (
            f"{ADAPTERS}.langgraph.AnabranchStore",
            f"{ADAPTERS}.langchain.AnabranchRetriever",
            f"{ADAPTERS}.llama_index.AnabranchRetriever",
            f"{ADAPTERS}.openai_agents.AnabranchSession",
            f"{ADAPTERS}.claude_agent_sdk.AnabranchSessionStore",
        ),
    ),
)
ELSEWHERE: Final = {"AnabranchError", "Settings"}
"""Public names that have a page of their own."""

LEADS: Final = (
    "Made by `python docs/generate.py` from the signatures and docstrings themselves.",
    "What a program makes is imported from `anabranch`. What is `async` is awaited, and an "
    "`AsyncIterator` is read by `async for`; [without `await`](#without-await) it goes too. Errors are those of [errors](errors.md): each says what happened "
    "and has a `fix`. Settings have [a page](settings.md) too, and so have "
    "[events](events.md).",
)
SYNC: Final = (
    "## Without `await`",
    "`from anabranch.sync import Memory` gives the same classes with the same methods, arguments "
    "and errors, for scripts and notebooks. Nothing is awaited, `with` takes the place of `async "
    "with`, and what is an asynchronous iterator above is a plain one.",
    "```python\nfrom anabranch.sync import Memory\n\nwith Memory.open() as memory:\n"
    '    fact = memory.remember("Ada drinks green tea before her morning run")\n'
    '    print(memory.recall("What does Ada drink?", after=fact.position).hits[0].text)\n```',
)

GIVEN: Final = {_LETTERS, _CONTEXT}
"""Classes that a program is given, and never makes."""

UNSAID: Final = {
    _MEMORY: {"graph", "past", "retention", "transfer", "work"},
    _CONTEXT: {"sessions", "asking", "forking"},
    _CALLABLE: {"name", "run"},
    _COMMAND: {"name", "run"},
    f"{ADAPTERS}.langchain.AnabranchRetriever": {"model_config", "model_post_init"},
}
"""Members that are no matter of a caller's."""
