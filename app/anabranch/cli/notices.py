"""Warnings of a command: variables that nobody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.plain_settings import OF_OWNERS, OTHERS, READ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX: Final = "ANABRANCH_"
_NEAR: Final = 0.8
_KNOWN: Final = frozenset({*READ, *OF_OWNERS, *OTHERS})
_OF_EXECUTORS: Final = frozenset({"ANABRANCH_PARENT", "ANABRANCH_ROOT", "ANABRANCH_SESSION"})
"""Variables that the command of a branch gets: it may call `anabranch` itself."""
_OF_DEVELOPMENT: Final = tuple(
    _PREFIX + kind for kind in ("BENCH_", "CHAOS_", "FUZZ_", "RECALL_", "REQUIRE_", "TEST_")
)


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable that has our prefix and that nothing reads."""
    for name in sorted(environment):
        ours = name.upper()
        if not ours.startswith(_PREFIX) or ours in _KNOWN | _OF_EXECUTORS:
            continue
        if not ours.startswith(_OF_DEVELOPMENT):
            import difflib

            near = difflib.get_close_matches(ours, _KNOWN, n=1, cutoff=_NEAR)
            hint = f"; {near[0]} is one" if near else "; `anabranch settings` lists those there are"
            yield f"{name} is no setting{hint}"
