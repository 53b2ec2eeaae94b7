"""`anabranch keys`: made, listed, rotated, revoked, and shown no longer than they must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine


def test_keys_are_kept_without_their_secrets(alone: CommandLine) -> None:
    """The key is shown when it is made, and when it is rotated; the list has no secret."""
    made = alone.here("keys", "create", "planner", "--expires", "30d", "-N", "a", "--json").value
    turned = alone.here("keys", "rotate", made["id"], "--json").value
    whole = alone.here(
        "keys", "create", "operator", "--scope", "admin", "--all-namespaces", "--json"
    ).value
    bounded = alone.here(
        *("keys", "create", "small", "--limit", "insights=10", "--limit", "cypher=1.5", "--json")
    ).value
    ended = alone.here("keys", "revoke", made["id"], "--json").value
    listed = alone.here("keys", "list", "--json")

    assert made["key"].startswith(f"ab_{made['id']}_")
    assert turned["key"] != made["key"]
    assert [one["id"] for one in listed.lines] == [made["id"], whole["id"], bounded["id"]]
    assert (made["scope"], made["namespaces"], whole["namespaces"]) == ("write", ["a"], None)
    assert listed.lines[2]["limits"] == {
        "burst": None,
        "insights": 10,
        "events": None,
        "cypher": 1.5,
    }
    assert ended["revoked"]
    assert "hash" not in listed.out
    assert not any(one["key"] in listed.out for one in (made, turned, whole, bounded))


def test_a_key_for_all_namespaces_is_said_to_be_one(alone: CommandLine) -> None:
    """The list says `all`, and a key for all takes no further namespace."""
    alone.here("keys", "create", "operator", "--all-namespaces")

    refused = alone.here("keys", "create", "x", "--all-namespaces", "--also", "b", "--json")

    assert (refused.code, refused.error["type"]) == (2, "UsageInvalid")
    assert alone.here("keys", "list").out.splitlines()[1].split()[1:4] == [
        "operator",
        "write",
        "all",
    ]


def test_keys_say_what_is_wrong(alone: CommandLine) -> None:
    """A scope, a duration and an id that are none are named; a bind from elsewhere needs a key."""
    scope = alone.here("keys", "create", "x", "--scope", "all", "--json")
    lasting = alone.here("keys", "create", "x", "--expires", "soon", "--json")
    limit = alone.here("keys", "create", "x", "--limit", "tokens=5", "--json")
    nobody = alone.here("keys", "revoke", "nobody", "--json")
    clear = alone.here("serve", "--host", "0.0.0.0", "--port", "0", "--json")  # noqa: S104 - it is refused.
    bare = alone.here("serve", "--require-keys", "--port", "0", "--json")
    half = alone.here("serve", "--tls-cert", "cert.pem", "--json")

    assert [(one.code, one.error["type"]) for one in (scope, lasting, limit, nobody)] == [
        (2, "InputInvalid"),
        (2, "UsageInvalid"),
        (2, "UsageInvalid"),
        (3, "KeyNotFound"),
    ]
    assert [(one.code, one.error["type"]) for one in (clear, bare, half)] == [
        (1, "BindRefused"),
        (1, "BindRefused"),
        (2, "UsageInvalid"),
    ]


def test_a_key_is_named_by_its_name(alone: CommandLine) -> None:
    """A key can be revoked by its name, which no other key that holds may have."""
    made = alone.here("keys", "create", "planner", "--json").value
    again = alone.here("keys", "create", "planner", "--json")
    empty = alone.here("keys", "create", "", "--json")
    ended = alone.here("keys", "revoke", "planner", "--json").value
    anew = alone.here("keys", "create", "planner", "--json").value
    turned = alone.here("keys", "rotate", "planner", "--json").value

    assert (again.code, again.error) == (
        2,
        {
            "type": "InputInvalid",
            "message": f"name: the key {made['id']} is named 'planner'",
            "fix": f"take another name, or end that key: `anabranch keys revoke {made['id']}`",
        },
    )
    assert empty.error["fix"] == "write something for name"
    assert (ended["id"], bool(ended["revoked"])) == (made["id"], True)
    assert anew["id"] != made["id"]
    assert (turned["id"], turned["key"] != anew["key"]) == (anew["id"], True)
