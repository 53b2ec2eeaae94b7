"""A framework that is not installed: an error that names the extra, and an ImportError."""

from __future__ import annotations

import importlib
import sys
import tomllib

import pytest

from anabranch.errors import FrameworkMissing, SetupInvalid
from tests.support.repository import ROOT

ADAPTERS = {
    "langchain": "langchain_core",
    "langgraph": "langgraph",
    "llama_index": "llama_index",
    "claude_agent_sdk": "claude_agent_sdk",
    "openai_agents": "agents",
}


@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_a_missing_framework_is_named_with_its_extra(
    adapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing an adapter says which extra to install, and programs may catch an ImportError."""
    for name in [*sys.modules]:
        if name.split(".")[0] == ADAPTERS[adapter]:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"anabranch.adapters.{adapter}", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Missing(ADAPTERS[adapter]), *sys.meta_path])

    with pytest.raises(ImportError) as missing:
        importlib.import_module(f"anabranch.adapters.{adapter}")

    extra = adapter.replace("_", "-")
    assert isinstance(missing.value, FrameworkMissing)
    assert isinstance(missing.value, SetupInvalid)
    assert missing.value.fix == f'install it: pip install "anabranch[{extra}]"'
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extra in extras["optional-dependencies"]


def test_a_module_that_is_missing_inside_of_a_framework_is_no_missing_framework(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An installation that is broken says what is missing, not that the extra is."""
    monkeypatch.delitem(sys.modules, "anabranch.adapters.langgraph", raising=False)
    monkeypatch.delitem(sys.modules, "langgraph.store.base", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Missing("langgraph", "orjson"), *sys.meta_path])

    with pytest.raises(ModuleNotFoundError, match="orjson") as missing:
        importlib.import_module("anabranch.adapters.langgraph")

    assert not isinstance(missing.value, FrameworkMissing)


class _Missing:
    """A finder for which a package is not there, or lacks a module of another's."""

    def __init__(self, package: str, lacks: str | None = None) -> None:
        self._package = package
        self._lacks = lacks

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        del path, target
        if name.split(".", maxsplit=1)[0] == self._package:
            missing = self._lacks or name
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
