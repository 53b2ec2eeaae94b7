"""Settings: what the environment says, and how a mistake in it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch.errors import InputInvalid, SettingInvalid
from anabranch.settings import Settings, variable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every variable of ours out of the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_servers_of_its_own_are_the_default() -> None:
    """Without any variable there is no server elsewhere, and the namespace is default."""
    settings = Settings.read()

    assert (settings.nats_url, settings.neo4j_uri, settings.namespace) == (None, None, "default")


def test_the_environment_makes_the_same_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that is given `environment` reads what its parent has, secrets and defaults too."""
    settings = Settings.read().changed(
        home=tmp_path,
        neo4j_uri="bolt://127.0.0.1:1",
        neo4j_password="secret",
        embedder="none",
        request_timeout_s=0.25,
        take_over=False,
    )

    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert Settings.read() == settings
    assert Settings.read().neo4j_password.get_secret_value() == "secret"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The servers' variables have the names of their products, ours begin with ANABRANCH."""
    monkeypatch.setenv("NATS_URL", "nats://example.org:4222")
    monkeypatch.setenv("NEO4J_PASSWORD", "secret")
    monkeypatch.setenv("ANABRANCH_HOME", str(tmp_path))

    settings = Settings.read()

    assert settings.nats_url == "nats://example.org:4222"
    assert settings.neo4j_password.get_secret_value() == "secret"
    assert settings.home == tmp_path


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing counts as not set, as in a compose file."""
    monkeypatch.setenv("NATS_URL", "")

    assert Settings.read().nats_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NATS_URL", "http://example.org"),
        ("NEO4J_URI", "example.org:7687"),
        ("ANABRANCH_NAMESPACE", "a.b"),
        ("ANABRANCH_START_TIMEOUT_S", "soon"),
        ("ANABRANCH_DURABILITY", "eternal"),
        ("ANABRANCH_NATS_PORT", "70000"),
    ],
)
def test_a_mistake_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A variable that breaks a rule is named in the error, which ends a command with 2."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingInvalid) as caught:
        Settings.read()

    assert (caught.value.field, caught.value.exit_code) == (name, 2)
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NATS_URL", "http://u:hidden@h", "NATS_URL: must begin with nats:// or tls://"),
        (
            "NEO4J_URI",
            "bolt://neo4j:hidden@example.org:7687",
            "NEO4J_URI: holds a user or a password: give them as NEO4J_USERNAME and NEO4J_PASSWORD",
        ),
    ],
)
def test_an_address_that_is_refused_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """An address may hold a password: the error says what is wrong with it, without it."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingInvalid) as caught:
        Settings.read()

    assert caught.value.message == said


def test_what_is_given_goes_before_what_is_set() -> None:
    """Values given in the program replace settings; None leaves them as they are."""
    settings = Settings.read().changed(namespace="team", agent=None)

    assert (settings.namespace, settings.agent) == ("team", None)


def test_a_namespace_with_a_wildcard_is_refused() -> None:
    """What is given is checked by the same rules, under its own name."""
    with pytest.raises(InputInvalid) as caught:
        Settings.read().changed(namespace="a.*")

    assert caught.value.field == "namespace"


def test_passwords_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing the settings shows no password and no token."""
    monkeypatch.setenv("NEO4J_PASSWORD", "hidden-one")
    monkeypatch.setenv("NATS_TOKEN", "hidden-two")
    monkeypatch.setenv("NATS_URL", "nats://us:hidden-three@example.org:4222")
    monkeypatch.setenv("ANABRANCH_EMBEDDER_KEY", "hidden-four")

    assert "hidden" not in repr(Settings.read())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("ANABRANCH_NATS_PORT", "x", "must be a whole number"),
        ("ANABRANCH_NATS_PORT", "99999", "must be at most 65535"),
        ("ANABRANCH_EMBEDDER", "foo", "must be 'builtin', 'folder', 'endpoint' or 'none'"),
        ("ANABRANCH_START_TIMEOUT_S", "-1", "must be more than 0"),
        ("ANABRANCH_START_TIMEOUT_S", "soon", "must be a number"),
        ("ANABRANCH_TAKE_OVER", "maybe", "must be true or false"),
        ("NATS_URL", "http://host", "must begin with nats:// or tls://"),
    ],
)
def test_a_mistake_is_told_in_words(
    name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says in words what the variable must be, and does not repeat its value."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingInvalid) as caught:
        Settings.read()

    assert (caught.value.message, caught.value.fix) == (
        f"{name}: {problem}",
        f"correct {name}, or unset it",
    )


def test_the_settings_in_force_hold_no_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each setting says its value and where it is from; of a secret only that it is set."""
    monkeypatch.setenv("NATS_URL", "nats://acme:planted@127.0.0.1:4222")
    monkeypatch.setenv("ANABRANCH_EMBEDDER_KEY", "planted")
    settings = Settings.read().changed(home=tmp_path)

    found = {one.variable: one for one in settings.in_force(["home"])}

    assert "planted" not in repr(found)
    assert set(found) == {variable(name) for name in Settings.model_fields}
    assert {
        name: (found[name].value, found[name].source)
        for name in ("NATS_URL", "ANABRANCH_EMBEDDER_KEY", "ANABRANCH_HOME", "NEO4J_USERNAME")
    } == {
        "NATS_URL": ("nats://127.0.0.1:4222", "environment"),
        "ANABRANCH_EMBEDDER_KEY": ("set", "environment"),
        "ANABRANCH_HOME": (str(tmp_path), "option"),
        "NEO4J_USERNAME": ("neo4j", "default"),
    }
