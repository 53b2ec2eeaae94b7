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
from anabranch.importers.mapping.redaction import is_suspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.importers.mapping.drafts import AnyDraft
    from anabranch.importers.mapping.insights import Insights
    from anabranch.importers.mapping.line import Call, MappedLine
    from anabranch.importers.mapping.redaction import Redaction
    from anabranch.importers.records.model import ToolResult

FAILURES_MAX: Final = 64
CUT_MARGIN: Final = 4096
"""Characters after a cut that are not used: a secret may have begun before it."""


class Failures:
    """Makes insights of commands that failed, and of fixes."""

    def __init__(self, insights: Insights, redaction: Redaction) -> None:
        self._insights = insights
        self._redaction = redaction

    def named(self, command: str) -> tuple[str, ...]:
        """Return what a command names.

        A word by itself does not look like the password that it is after its option, and of many
        lines some may be a key's. So only names count that the clean command has too.
        """
        names = names_in(command)
        if not names or not is_suspect(command):
            return names
        clean = self._redaction.clean(command)
        return tuple(name for name in names if name in clean)

    def worked_out(self, line: MappedLine, call: Call, result: ToolResult) -> Iterator[AnyDraft]:
        """Yield a failure, or the fix where one like it failed before."""
        command = call.command or ""
        # Cut, or a line of many, a secret would be none that a rule finds.
        work, shown = same_work(command), shown_command(self._insights.clean(command))
        names = self.named(command)
        if result.failed:
            error = error_in(self._end_of(result.output))
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

    def _end_of(self, output: str) -> str:
        """Return the end of an output, clean; where it was cut, no rule finds half a secret."""
        clean = self._insights.clean(output[-OUTPUT_READ_MAX - CUT_MARGIN :])
        return clean[CUT_MARGIN:] if len(output) > OUTPUT_READ_MAX + CUT_MARGIN else clean
