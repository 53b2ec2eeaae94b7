"""Lists that stand on a command line."""

from __future__ import annotations

from anabranch.errors import UsageInvalid


def listed(given: str, *, field: str) -> list[str]:
    """Return the names of a list with commas. Raises UsageInvalid for commas without names."""
    found = [one.strip() for one in given.split(",") if one.strip()]
    if given and not found:
        raise UsageInvalid(
            f"{field}: {given!r} names none",
            field=field,
            fix=f"give names with commas between them, or leave --{field} out",
        )
    return found
