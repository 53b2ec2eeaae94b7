"""Commands that failed, and those that did the same work later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.importers.mapping.findings import (
    OUTPUT_READ_MAX,
    Failure,
    error_in,
    names_in,
    same_work,
    shown_command,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.importers.mapping.drafts import AnyDraft
    from anabranch.importers.mapping.insights import Insights
    from anabranch.importers.mapping.line import Call, MappedLine
    from anabranch.importers.records.model import ToolResult

FAILURES_MAX: Final = 64
CUT_MARGIN: Final = 4096
"""Characters after a cut that are not used: a secret may have begun before it."""


class Failures:
    """Makes insights of commands that failed, and of fixes."""

    def __init__(self, insights: Insights) -> None:
        self._insights = insights

    def known(self, command: str) -> tuple[str, tuple[str, ...]]:
        """Return a command without secrets, and what it names.

        It is cleaned whole, and once: cut, or a line of many, a secret would be none that a rule
        finds. A word by itself does not look like the password that it is after its option. So only
        names count that the clean command has too.
        """
        clean = self._insights.clean(command)
        return clean, tuple(name for name in names_in(command) if name in clean)

    def worked_out(self, line: MappedLine, call: Call, result: ToolResult) -> Iterator[AnyDraft]:
        """Yield a failure, or the fix where one like it failed before."""
        command = call.command or ""
        work, shown = same_work(command), shown_command(command)
        if result.failed:
            error = error_in(self._end_of(result.output))
            text = f"`{shown}` failed: {error}" if error else f"`{shown}` failed"
            draft = self._insights.make(
                line, call.id, "failure", text, result.time, aspect="failure", names=call.names
            )
            if len(line.failures) < FAILURES_MAX:
                line.failures[work] = Failure(draft.event_id, shown, error)
            yield draft
            return
        failure = line.failures.pop(work, None)
        if failure is None:
            return
        after = f" after changes to {', '.join(list(line.files)[:5])}" if line.files else ""
        instead = "it" if failure.command == shown else f"`{shown}`"
        told = f"`{failure.command}` failed ({failure.error}); {instead} worked{after}"
        yield self._insights.make(
            line,
            call.id,
            "fix",
            told,
            result.time,
            aspect="fix",
            names=call.names,
            sources=(failure.insight_id,),
        )

    def _end_of(self, output: str) -> str:
        """Return the end of an output, clean; where it was cut, no rule finds half a secret."""
        clean = self._insights.clean(output[-OUTPUT_READ_MAX - CUT_MARGIN :])
        return clean[CUT_MARGIN:] if len(output) > OUTPUT_READ_MAX + CUT_MARGIN else clean
