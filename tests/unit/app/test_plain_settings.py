"""The settings of a call of a service, held against those that the models read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from anabranch.plain_settings import OF_OWNERS, OTHERS, READ, plain_settings
from anabranch.settings import Settings, variable

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_every_variable_is_read_or_left_to_the_models() -> None:
    """No setting is forgotten: one that is new is either read here too, or named as another."""
    named = [*READ, *OF_OWNERS, *OTHERS]

    assert sorted(named) == sorted(variable(name) for name in Settings.model_fields)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"ANABRANCH_HOME": "", "NATS_URL": ""},
        {"ANABRANCH_HOME": "~/memory", "ANABRANCH_NAMESPACE": "acme", "ANABRANCH_AGENT": "ada"},
        {"anabranch_home": "relative", "anabranch_namespace": "acme"},
        {"ANABRANCH_UNKNOWN": "x"},
        {"ANABRANCH_DURABILITY": "strict", "ANABRANCH_EMBEDDED_ENGINE": "native"},
        {"ANABRANCH_NATS_PORT": "9999", "ANABRANCH_CLOSE_TIMEOUT_S": "9999"},
        {"ANABRANCH_QUERY_ROWS_MAX": "9999999999", "ANABRANCH_QUERY_BYTES_MAX": "1024"},
        {"ANABRANCH_QUERY_TIMEOUT_S": "1", "ANABRANCH_START_TIMEOUT_S": "9999"},
        {"ANABRANCH_TAKE_OVER": "false"},
        {"OTEL_TRACES_EXPORTER": "console"},
    ],
)
def test_they_are_what_the_models_read(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home, namespace and agent are those of the settings, by the same variables and defaults."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = Settings.read()

    assert plain_settings(environment) == (read.home, read.namespace, read.agent)


def test_options_stand_before_the_environment() -> None:
    """What the command line names is taken, as by the models."""
    environment = {"ANABRANCH_HOME": "/one", "ANABRANCH_NAMESPACE": "one"}
    changed = Settings().changed(home=Path("other"), namespace="other")

    found = plain_settings(environment, home=Path("other"), namespace="other")

    assert found == (changed.home, "other", None)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_any_other_setting_is_left_to_the_models(name: str) -> None:
    """Where a variable is set that is not read here, nothing is said, whatever its case."""
    assert plain_settings({name: "x"}) is None
    assert plain_settings({name.lower(): "x"}) is None


@pytest.mark.parametrize("name", sorted(OF_OWNERS))
def test_what_is_not_clear_is_left_to_the_models(name: str) -> None:
    """A setting that only an owner of servers needs may be set, but not to what may be wrong."""
    assert plain_settings({name: "-1 ?"}) is None


@pytest.mark.parametrize("namespace", ["a.b", "a b", "x" * 65, "*"])
def test_a_namespace_that_is_none_is_left_to_the_models(namespace: str) -> None:
    """What breaks a rule is told by the models; an option does not hide it in the environment."""
    assert plain_settings({"ANABRANCH_NAMESPACE": namespace}, namespace="good") is None
    assert plain_settings({}, namespace=namespace) is None
