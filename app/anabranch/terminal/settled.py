"""Settled memory as people read it: what was said again, changed, contradicts, and a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from anabranch.terminal.counting import counted
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch.memory.forgetting.retention import RetentionApplied, RetentionPolicy
    from anabranch.memory.reads.conflicts import ConflictDetails
    from anabranch.memory.reads.links import ConflictView
    from anabranch.memory.reads.profiles import Profile
    from anabranch.memory.settling import SettledMemory
    from anabranch.views import InsightDetails
    from anabranch_events.event.types import RetentionRule


def settled_lines(found: SettledMemory) -> Iterator[str]:
    """Yield the report of a settling, a line a fact."""
    said = "looked at" if found.recorded else "looked at, nothing is recorded"
    yield f"{counted(found.insights, 'insight')} {said}"
    if found.restated:
        yield f"\n[bold]said again[/] ({len(found.restated)})"
    for one in found.restated:
        yield f"  = {escape(one.text)}  [dim]{_ids(one.sources)}[/]"
    if found.superseded:
        yield f"\n[bold]superseded[/] ({len(found.superseded)})"
    for each in found.superseded:
        ids = f"{short_id(each.older)} by {short_id(each.newer)}"
        yield f"  ✕ {ids}: {escape(each.reason)}"
    if found.conflicts:
        yield f"\n[bold]in conflict[/] ({len(found.conflicts)})"
    for each in found.conflicts:
        ids = f"{short_id(each.older)} and {short_id(each.newer)}"
        yield f"  ! {ids}: {escape(each.reason)}"
    if found.associations:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.associations.items()))
        yield f"\n[bold]associations[/] {kinds}"


def policy_lines(found: RetentionPolicy) -> Iterator[str]:
    """Yield the rules of a policy, and who set it when."""
    for rule in found.rules:
        yield _rule_text(rule)
    if not found.rules:
        yield "every insight is kept"
    if found.set_at is not None:
        when = f"{found.set_at:%Y-%m-%d %H:%M} UTC"
        yield f"[dim]set at position {found.position}, {when}{_by(found.set_by)}[/]"


def retention_lines(found: RetentionApplied) -> Iterator[str]:
    """Yield what applying a policy took out, a line a rule."""
    said = "expired" if found.recorded else "would expire, nothing is recorded"
    yield f"{counted(found.expired, 'insight')} {said}"
    for one in found.outcomes:
        bounds = f"{one.aged} too old, {one.beyond_count} beyond the number"
        yield f"  {_rule_text(one.rule)}  [dim]of {one.held}: {bounds}[/]"


def _rule_text(rule: RetentionRule) -> str:
    of = "all other kinds" if rule.kind is None else escape(rule.kind)
    bounds = [] if rule.age_days is None else [f"for {rule.age_days:g} days"]
    bounds += [] if rule.count is None else [f"the latest {rule.count}"]
    return f"{of}: {', '.join(bounds)}"


def conflict_lines(found: Sequence[ConflictView]) -> str:
    """Return conflicts, a line each, with the position that names them."""
    return "\n".join(
        f"{one.position}  {short_id(one.one)} and {short_id(one.other)}: "
        f"{escape(one.subject or '')}"
        + (f"  [green]resolved: {escape(one.decision or '')}[/]" if one.resolved else "")
        for one in found
    )


def conflict_details(found: ConflictDetails) -> Iterator[str]:
    """Yield a conflict with both sides, and its resolution."""
    opened = f"opened at {found.position}{_by(found.opened_by)}"
    yield f"[bold]{escape(found.subject or '')}[/]  [dim]{opened}[/]"
    for one in (found.one, found.other):
        yield f"  {insight_line(one)}"
    if found.resolved is not None:
        by = _by(found.resolved_by)
        yield f"[green]resolved[/] at {found.resolved}{by}: {escape(found.decision or '')}"


def profile_lines(found: Profile) -> Iterator[str]:
    """Yield what is known about a name, the latest first, each with its source."""
    known = counted(len(found.insights), "insight")
    yield f"[bold]{escape(found.name)}[/]  [dim]{known} as of position {found.position}[/]"
    for one in found.insights:
        yield f"  {insight_line(one)}"
        for each in found.conflicts.get(one.insight_id, ()):
            yield f"    [yellow]![/] {short_id(each.insight_id)}: {escape(each.text)}"
    if not found.insights:
        like = f"known are {', '.join(map(escape, found.near))}; " if found.near else ""
        yield f"no entity and no subject has this name: {like}`anabranch recall` finds words too"
    if found.beside:
        names = ", ".join(f"{escape(name)} ({count})" for name, count in found.beside.items())
        yield f"[dim]beside it[/]  {names}"


def insight_line(one: InsightDetails) -> str:
    """Return an insight with its date, its id and its session."""
    held = "" if one.retired is None else f", no longer holds since {one.retired}"
    source = f"{short_id(one.insight_id)} of session {short_id(one.session_id)}{held}"
    text = escape(one.text or "(forgotten)")
    when = one.valid_from or one.recorded_at
    return f"{when:%Y-%m-%d}  {text}  [dim]{source}[/]"


def _by(agent: str | None) -> str:
    return f" by {escape(agent)}" if agent else ""


def _ids(insight_ids: Sequence[str]) -> str:
    return " ".join(map(short_id, insight_ids))
