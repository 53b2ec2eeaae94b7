"""The tenants file: what it may say, and what is said of one that breaks a rule."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from anabranch.errors import TenantsInvalid
from anabranch.home.folder import Home
from anabranch.home.tenants_file import read_tenants, write_credentials
from anabranch_events import Tenant

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[acme-app]
role = "producer"
namespaces = ["acme", "lab"]

[graph]
role = "projector"
"""


def test_a_table_is_a_user(tmp_path: Path) -> None:
    """Each table gives a tenant of its name."""
    path = tmp_path / "tenants.toml"
    path.write_text(GOOD)

    assert read_tenants(path) == [
        Tenant(name="acme-app", role="producer", namespaces=("acme", "lab")),
        Tenant(name="graph", role="projector"),
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[a]\nrole = "king"\nnamespaces = ["x"]', "a.role"),
        ('[a]\nnamespaces = ["x"]', "a.role"),
        ('[a]\nrole = "producer"', "a.namespaces"),
        ('[a]\nrole = "producer"\nnamespaces = []', "a.namespaces"),
        ('[a]\nrole = "producer"\nnamespaces = ["x", "*"]', "a.namespaces.1"),
        ('[a]\nrole = "producer"\nnamespaces = ["x.y"]', "a.namespaces.0"),
        ('[a]\nrole = "producer"\nnamespaces = ["x", "x"]', "a.namespaces"),
        ('[a]\nrole = "projector"\nnamespaces = ["x"]', "a.namespaces"),
        ('[a]\nrole = "reader"\nnamespaces = ["x"]\ncolour = "red"', "a.colour"),
        ('[a]\nname = "b"\nrole = "projector"', "a.name"),
        ('["a b"]\nrole = "projector"', "a b"),
        ('[anabranch]\nrole = "projector"', "anabranch"),
        ('a = "producer"', "a"),
        ("[a", "tenants"),
    ],
)
def test_what_breaks_a_rule_is_named(tmp_path: Path, text: str, field: str) -> None:
    """The error names the field to correct, and the file."""
    path = tmp_path / "tenants.toml"
    path.write_text(text)

    with pytest.raises(TenantsInvalid) as caught:
        read_tenants(path)

    assert caught.value.field == field
    assert str(path) in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(
    ("line", "said", "fix"),
    [
        (
            'role = "king"',
            "must be 'producer', 'reader', ",
            "for a.role give 'producer', 'reader', ",
        ),
        ('role = "projector"\ncolour = 1', "a.colour: is not known", "it may be role, namespaces"),
        ('role = "projector"\nnamespace = ["x"]', "a.namespace: is not known", "say namespaces"),
        ('role = "reader"\nnamespaces = "x"', "is a text, not a list", "put it into a list"),
        ('role = "reader"\nnamespaces = 1', "must be a list", "for a.namespaces give a list"),
        ('role = "reader"', "a reader needs at least one", 'name them: namespaces = ["..."]'),
    ],
)
def test_what_may_stand_there_is_said(tmp_path: Path, line: str, said: str, fix: str) -> None:
    """In the words of all other complaints: no type of Python, and the field that is near."""
    path = tmp_path / "tenants.toml"
    path.write_text(f"[a]\n{line}\n")

    with pytest.raises(TenantsInvalid) as caught:
        read_tenants(path)

    assert said in caught.value.message
    assert caught.value.fix.startswith(fix)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A path that cannot be read is an error of the tree."""
    with pytest.raises(TenantsInvalid, match="nowhere"):
        read_tenants(tmp_path / "nowhere.toml")


def test_credentials_are_for_the_owner_only(tmp_path: Path) -> None:
    """Each tenant's address carries its user and password, in a file of mode 0600."""
    home = Home(tmp_path / "home")
    home.prepare()
    tenants = [Tenant(name="acme-app", role="producer", namespaces=("acme",))]

    write_credentials(
        home, tenants, url="nats://me:mine@127.0.0.1:4222", passwords={"acme-app": "pw"}
    )

    found = json.loads(home.credentials.read_text())
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600
    assert found == {
        "acme-app": {
            "role": "producer",
            "namespaces": ["acme"],
            "nats_url": "nats://acme-app:pw@127.0.0.1:4222",
            "user": "acme-app",
            "password": "pw",
        }
    }
