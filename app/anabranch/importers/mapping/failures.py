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
    from anabranch.importers.mapping.redaction import Redaction
    from anabranch.importers.records.model import ToolResult

FAILURES_MAX: Final = 64


class Failures:
    """Makes insights of commands that failed, and of fixes."""

    def __init__(self, insights: Insights, redaction: Redaction) -> None:
        self._insights = insights
        self._redaction = redaction

    def cleaned(self, command: str | None) -> str | None:
        """Return a command of many lines clean: some may be a key's, and no programs."""
        return self._redaction.clean(command) if command and "\n" in command else command

    def worked_out(self, line: MappedLine, call: Call, result: ToolResult) -> Iterator[AnyDraft]:
        """Yield a failure, or the fix where one like it failed before."""
        command = call.command or ""
        # Cut, or a line of many, a secret would be none that a rule finds.
        work, shown = same_work(command), shown_command(self._insights.clean(command))
        names = names_in(command)
        if result.failed:
            error = error_in(self._insights.clean(_end_of(result.output)))
            text = f"`{shown}` failed: {error}" if error else f"`{shown}` failed"
            draft = self._insights.make(
                line, call.id, "failure", text, result.time, aspect="failure", names=names
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
            names=names,
            sources=(failure.insight_id,),
        )


def _end_of(output: str) -> str:
    """Return the end of a long output, from the beginning of a line on: half a secret is none."""
    if len(output) <= OUTPUT_READ_MAX:
        return output
    return output[-OUTPUT_READ_MAX:].partition("\n")[2]
