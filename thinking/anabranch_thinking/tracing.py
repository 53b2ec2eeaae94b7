"""The trace of a thought: one from the fork over the workers to the join.

Events carry it in their `traceparent` (W3C Trace Context), the terms of a join carry it through the
queue. Where somebody collects traces, a `Tracer` makes spans of it, named by OpenTelemetry's
semantic conventions for GenAI. An attempt and a join are linked to the fork, not nested in it: the
queue lies between.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, Protocol

from anabranch_events.event.trace_context import traced, traceparent_here

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager

SpanKind = Literal["internal", "producer", "consumer"]
OPERATION: Final = "gen_ai.operation.name"
CONVERSATION: Final = "gen_ai.conversation.id"
AGENT: Final = "gen_ai.agent.name"
AGENT_ID: Final = "gen_ai.agent.id"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"


class Span(Protocol):
    """A step of a trace that is going on."""

    @property
    def traceparent(self) -> str | None:
        """The span as a `traceparent`; None where there is no trace."""

    def fail(self, error: BaseException) -> None:
        """Mark the step as failed."""

    def note(self, name: str, value: str | int) -> None:
        """Set an attribute."""


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self,
        name: str,
        attributes: Mapping[str, str | int],
        *,
        kind: SpanKind,
        linked: str | None,
    ) -> AbstractContextManager[Span]:
        """Give a span for the length of the block; what leaves the block as an error marks it.

        It is below the span that is current here. With `linked`, a `traceparent`, it is instead a
        first span in that one's trace, with a link to it.
        """
        ...


class _NoSpan:
    """A step that nobody collects; the trace goes through it."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def fail(self, error: BaseException) -> None:
        """Do nothing."""

    def note(self, name: str, value: str | int) -> None:
        """Do nothing."""


@contextmanager
def spanned(
    tracer: Tracer | None,
    name: str,
    attributes: Mapping[str, str | int],
    *,
    kind: SpanKind = "internal",
    linked: str | None = None,
) -> Generator[Span]:
    """Give a span for the length of the block, and tie the appends in it to its trace."""
    if tracer is not None:
        with (
            tracer.span(name, attributes, kind=kind, linked=linked) as span,
            traced(span.traceparent),
        ):
            yield span
    elif linked is None:
        yield _NoSpan(traceparent_here())  # The current one goes on.
    else:
        with traced(linked):
            yield _NoSpan(linked)


def branch_span(
    tracer: Tracer | None,
    *,
    session_id: str,
    root_id: str,
    role: str | None,
    executor: str,
    worker: str,
    linked: str | None = None,
) -> AbstractContextManager[Span]:
    """Give the span of an attempt at a branch; one from the queue is `linked` to its fork."""
    agent = role or executor
    return spanned(
        tracer,
        f"{INVOKE_AGENT} {agent}",
        {
            OPERATION: INVOKE_AGENT,
            AGENT: agent,
            AGENT_ID: session_id,
            CONVERSATION: root_id,
            "anabranch.executor": executor,
            "anabranch.worker": worker,
        },
        kind="internal" if linked is None else "consumer",
        linked=linked,
    )


def thought_span(tracer: Tracer | None) -> AbstractContextManager[Span]:
    """Give the span of a whole thought, for who waits for it."""
    return spanned(tracer, f"{INVOKE_WORKFLOW} thought", {OPERATION: INVOKE_WORKFLOW})


def step_span(
    tracer: Tracer | None, step: Literal["fork", "join"], *, root_id: str, linked: str | None = None
) -> AbstractContextManager[Span]:
    """Give the span of a fork or a join; a join is `linked` to its fork."""
    return spanned(
        tracer,
        f"{step} thought",
        {OPERATION: step, CONVERSATION: root_id},
        kind="producer" if step == "fork" else "consumer",
        linked=linked,
    )
