"""The server in the settings of each client: added, renewed and taken out again."""

from __future__ import annotations

import json
import stat
import tomllib
from typing import TYPE_CHECKING, Any, Final

import pytest
import tomlkit

from anabranch.errors import ClientSettingsInvalid, InputInvalid
from anabranch.mcp.clients import CLIENTS, server_command
from anabranch.mcp.installation import Service, installed, uninstalled
from anabranch.mcp.jsonc import parsed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

FILES: Final = {
    "claude": (".claude.json", "mcpServers"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "codex": (".codex/config.toml", "mcp_servers"),
    "opencode": (".config/opencode/opencode.json", "mcp"),
    "gemini": (".gemini/settings.json", "mcpServers"),
    "vscode": (".config/Code/User/mcp.json", "servers"),
}
TOML: Final = """# my settings
model = "x" # the model

[mcp_servers.files]
command = "files" # keep
"""


def read(client: str, text: str) -> Any:
    """Return what a client's settings say."""
    return tomlkit.parse(text).unwrap() if client == "codex" else parsed(text)


def own(client: str, words: list[str]) -> dict[str, Any]:
    """Return the entry of the server as a client wants it."""
    if client == "opencode":
        return {"type": "local", "command": words, "enabled": True}
    entry = {"command": words[0], "args": words[1:]}
    return {"type": "stdio", **entry} if client in {"claude", "vscode"} else entry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a user's folder in which no client has settings."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "OPENCODE_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


def test_every_client_has_its_file() -> None:
    """The table below names them all."""
    assert set(FILES) == set(CLIENTS)


@pytest.mark.parametrize("client", FILES)
def test_the_server_is_added_to_a_client_without_settings(client: str, home: Path) -> None:
    """The file is made, for its owner alone, and there is nothing to copy."""
    file, key = FILES[client]

    change = installed(client, ["--namespace-by-project"])
    copy = change.write()

    words = [*server_command(shared=False), "--namespace-by-project"]
    written = home / file
    assert (change.path, change.before, copy) == (written, None, None)
    assert read(client, written.read_text()) == {key: {"anabranch": own(client, words)}}
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert not installed(client, ["--namespace-by-project"]).changed


@pytest.mark.parametrize("client", FILES)
def test_other_settings_stay(client: str, home: Path) -> None:
    """Comments and other servers stay, a copy of the file is kept, and uninstall leaves no trace."""
    file, key = FILES[client]
    text = (
        TOML
        if client == "codex"
        else f'{{\n  // mine\n  "{key}": {{\n    "x": 1 // keep\n  }}\n}}\n'
    )
    path = home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o640)

    change = installed(client)
    copy = change.write()
    added = path.read_text()
    uninstalled(client).write()

    before = read(client, text)
    words = server_command(shared=False)
    assert read(client, added) == {**before, key: {**before[key], "anabranch": own(client, words)}}
    assert "# keep" in added or "// keep" in added
    assert copy is not None
    assert copy.read_text() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.read_text().rstrip() == text.rstrip()
    assert "+" in change.difference()


@pytest.mark.parametrize("client", FILES)
def test_a_file_of_windows_stays_one(client: str, home: Path) -> None:
    """Every line ends as the others do, and a mark at the beginning stays: uninstall leaves none."""
    file, key = FILES[client]
    mark = "" if client == "codex" else "\ufeff"
    lines = TOML if client == "codex" else f'{{\n\t"{key}": {{\n\t\t"x": 1\n\t}}\n}}\n'
    path = home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (mark + lines.replace("\n", "\r\n")).encode()
    path.write_bytes(text)

    installed(client).write()
    added = path.read_bytes()
    again = installed(client)
    uninstalled(client).write()

    assert added.startswith(mark.encode())
    assert added.count(b"\n") == added.count(b"\r\n") > text.count(b"\n")
    assert b"\n " not in added  # As far in as the others, by tabs.
    assert not again.changed
    assert path.read_bytes().rstrip() == text.rstrip()


def test_a_project_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    """What is committed with a project starts the server by its name alone."""
    change = installed("claude", project=tmp_path / "shop")

    assert change.path == tmp_path / "shop" / ".mcp.json"
    assert parsed(change.after)["mcpServers"]["anabranch"]["command"] == "anabranch"


def test_a_client_may_have_its_settings_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of the clients are heeded, and the ending that the file has."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "c"))
    commented = tmp_path / "c" / "opencode" / "opencode.jsonc"
    commented.parent.mkdir(parents=True)
    commented.write_text("{} // mine")

    paths = {client: installed(client).path for client in ("claude", "codex", "opencode", "vscode")}

    assert paths == {
        "claude": tmp_path / "c" / ".claude.json",
        "codex": tmp_path / "c" / "config.toml",
        "opencode": commented,
        "vscode": tmp_path / "c" / "Code" / "User" / "mcp.json",
    }


def test_a_link_stays_a_link(home: Path) -> None:
    """Settings that lie elsewhere are changed there."""
    real = home / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    (home / ".claude.json").symlink_to(real)

    installed("claude").write()

    assert (home / ".claude.json").is_symlink()
    assert "anabranch" in real.read_text()


@pytest.mark.parametrize(
    ("client", "text"),
    [("claude", "{"), ("claude", '{"mcpServers": []}'), ("codex", "[a"), ("codex", "mcp_servers = 1"),
     ("codex", "mcp_servers.anabranch = 1")],
)  # fmt: skip
def test_broken_settings_are_left_alone(client: str, text: str, home: Path) -> None:
    """They are an error that names the file."""
    path = home / FILES[client][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

    with pytest.raises(ClientSettingsInvalid, match=path.name):
        installed(client)
    assert path.read_text() == text


def test_another_client_is_named() -> None:
    """The error lists those that we know."""
    with pytest.raises(InputInvalid, match="emacs") as caught:
        installed("emacs")

    assert "claude, cursor, codex" in caught.value.fix


def test_the_command_shows_asks_and_writes(alone: CommandLine, home: Path) -> None:
    """`--print` only prints, nothing is written unasked, and `--yes` writes."""
    environment = {"HOME": str(home)}

    def run(*words: str) -> Any:
        return alone.here("mcp", *words, environment=environment)

    printed = run("install", "cursor", "--print")
    unasked = run("install", "cursor", "--json")
    written = run("install", "cursor", "--yes", "--json", "--namespace", "shop")
    again = run("install", "cursor", "--namespace", "shop")
    removed = run("uninstall", "cursor", "--yes")

    path = home / ".cursor" / "mcp.json"
    assert '"anabranch"' in printed.out
    assert (unasked.code, unasked.error["type"]) == (2, "UsageInvalid")
    assert written.value == {"client": "cursor", "path": str(path), "copy": None, "changed": True}
    assert (again.code, again.out) == (0, f"{path} is so already\n")
    assert (removed.code, parsed(path.read_text())) == (0, {"mcpServers": {}})
    assert "-" in removed.err


def test_without_a_client_they_are_listed(alone: CommandLine, home: Path, tmp_path: Path) -> None:
    """With which of them are here, by their command or their settings, and have the server."""
    environment = {"HOME": str(home), "PATH": str(home / "bin")}
    program = home / "bin" / "code"
    program.parent.mkdir()
    program.touch(mode=0o755)
    installed("cursor").write()
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text("{ broken")

    def run(*words: str) -> Any:
        return alone.here("mcp", *words, environment=environment)

    listed = run("install", "--json")
    shown = run("uninstall")
    unclear = run("install", "--url", URL, "--json")

    rows = [json.loads(line) for line in listed.out.splitlines()]
    assert [one["client"] for one in rows] == [*CLIENTS]
    assert [one["path"] for one in rows] == [str(tmp_path / file) for file, _ in FILES.values()]
    assert {one["client"]: (one["found"], one["installed"]) for one in rows} == {
        **dict.fromkeys(CLIENTS, (False, False)),
        "cursor": (True, True),
        "gemini": (True, None),
        "vscode": (True, False),
    }
    assert shown.code == 0
    assert "~/.gemini/settings.json" in shown.out
    assert (unclear.code, unclear.error["type"]) == (2, "UsageInvalid")
    assert "claude, cursor, codex" in unclear.error["fix"]


URL = "https://memory.example.com/mcp?namespace=trips"
ADDRESSED: Final[dict[str, dict[str, Any]]] = {
    "claude": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${THE_KEY}"}},
    "cursor": {"url": URL, "headers": {"Authorization": "Bearer ${env:THE_KEY}"}},
    "codex": {"url": URL, "bearer_token_env_var": "THE_KEY"},
    "opencode": {
        "type": "remote",
        "enabled": True,
        "url": URL,
        "headers": {"Authorization": "Bearer {env:THE_KEY}"},
    },
    "gemini": {"httpUrl": URL, "headers": {"Authorization": "Bearer $THE_KEY"}},
    "vscode": {"type": "http", "url": URL, "headers": {"Authorization": "Bearer ${env:THE_KEY}"}},
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_asks_a_service_over_http(client: str, home: Path) -> None:
    """The address is written as the client wants it, the key never; one form replaces the other."""
    path = home / FILES[client][0]
    key = FILES[client][1]
    installed(client).write()

    installed(client, service=Service(URL, "THE_KEY")).write()
    keyed = read(client, path.read_text())[key]
    installed(client, service=Service(URL)).write()
    bare = read(client, path.read_text())[key]
    installed(client).write()
    local = read(client, path.read_text())[key]
    gone = uninstalled(client).after

    without = {
        name: value
        for name, value in ADDRESSED[client].items()
        if name not in {"headers", "bearer_token_env_var"}
    }
    assert (keyed, bare) == ({"anabranch": ADDRESSED[client]}, {"anabranch": without})
    assert local == {"anabranch": own(client, server_command(shared=False))}
    assert "anabranch" not in gone


def test_clients_that_keep_variables_from_their_servers_are_given_the_names(
    alone: CommandLine, home: Path
) -> None:
    """Codex and Gemini CLI: the settings of ours that are set here, by name, but for options.

    Codex 0.171.0 gives a server a dozen variables, Gemini CLI 0.61.0 none that looks like a secret
    (findings/mcp_clients_keep_variables_from_their_servers.sh): a home or a password went missing.
    """
    environment = {
        "HOME": str(home),
        "ANABRANCH_HOME": str(home / "memory"),
        "ANABRANCH_AGENT": "",
        "ANABRANCH_EMBEDDED_ENGINE": "",  # Set where the tests run.
        "NEO4J_URI": "bolt://127.0.0.1:1",
        "NEO4J_PASSWORD": "hidden",
        "OTHER": "other",
    }

    def entry(client: str, *words: str) -> Any:
        printed = alone.here("mcp", "install", client, "--print", *words, environment=environment)
        assert (printed.code, "hidden" in printed.out) == (0, False)
        return read(client, printed.out)[FILES[client][1]]["anabranch"]

    names = {client: entry(client).get("env_vars") for client in CLIENTS}
    by_value = {client: entry(client).get("env") for client in CLIENTS}
    with_home = entry("codex", "--home", str(home / "other"))
    asked = entry("codex", "--url", URL)

    ours = ["NEO4J_URI", "NEO4J_PASSWORD", "ANABRANCH_HOME"]
    assert names == {**dict.fromkeys(CLIENTS), "codex": ours}
    assert by_value == {**dict.fromkeys(CLIENTS), "gemini": {one: f"${one}" for one in ours}}
    assert with_home["env_vars"] == ours[:2]
    assert asked == {"url": URL}


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ('[{ name = "NEO4J_URI", source = "local" }]', [{"name": "NEO4J_URI", "source": "local"}]),
        ("[]", ["NEO4J_URI"]),
    ],
)
def test_a_variable_that_is_named_in_a_table_is_named_once(
    home: Path, named: str, found: list[object]
) -> None:
    """Codex takes a name, or a table that says where the variable comes from."""
    path = home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text(f'[mcp_servers.anabranch]\ncommand = "x"\nenv_vars = {named}\n')

    renewed = installed("codex", variables=["NEO4J_URI"])

    assert read("codex", renewed.after)["mcp_servers"]["anabranch"]["env_vars"] == found


def test_variables_that_are_no_list_are_refused(home: Path) -> None:
    """A text would be taken letter by letter."""
    path = home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text('[mcp_servers.anabranch]\ncommand = "x"\nenv_vars = "NEO4J_URI"\n')

    with pytest.raises(ClientSettingsInvalid, match="env_vars"):
        installed("codex", variables=["NEO4J_URI"])


def test_what_a_person_named_for_codex_stays_while_it_can(home: Path) -> None:
    """Codex 0.171.0 does not start where an entry has an address, and a command or its variables."""
    path = home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text(
        '[mcp_servers.anabranch]\ncommand = "x"\nenv_vars = ["MINE", "NEO4J_URI"]\n'
        'env = { A = "b" }\ncwd = "/"\nstartup_timeout_sec = 5\n'
    )

    renewed = installed("codex", variables=["NEO4J_URI", "NEO4J_PASSWORD"])
    asked = installed("codex", service=Service(URL))

    mine = {"env": {"A": "b"}, "cwd": "/", "startup_timeout_sec": 5}
    named = {"env_vars": ["MINE", "NEO4J_URI", "NEO4J_PASSWORD"]}
    words = own("codex", server_command(shared=False))
    entry = read("codex", renewed.after)["mcp_servers"]["anabranch"]
    assert entry == {**mine, **named, **words}
    there = read("codex", asked.after)["mcp_servers"]["anabranch"]
    assert there == {"url": URL, "startup_timeout_sec": 5}


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers.files.command = "files"\nmodel = "x"\n\n[tui]\ntheme = "y"\n',
        'mcp_servers = { files = { command = "files" } }\nmodel = "x"\n',
        '[mcp_servers.files]\ncommand = "files"\n\n[tui]\ntheme = "y"\n\n[mcp_servers.b]\nurl = "z"\n',
    ],
    ids=["dotted", "inline", "apart"],
)
def test_settings_of_any_form_stay_what_they_are(text: str, home: Path) -> None:
    """Whatever TOML has for a table: other settings are not moved, and uninstall takes none along.

    tomlkit 0.15.2 writes a table between dotted keys and what follows them, which it takes in
    (findings/tomlkit_puts_settings_into_the_table_before_them.sh).
    """
    path = home / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text(text)
    before = tomllib.loads(text)

    installed("codex").write()
    added = tomllib.loads(path.read_text())
    installed("codex", service=Service(URL)).write()
    asked = tomllib.loads(path.read_text())
    uninstalled("codex").write()

    words = own("codex", server_command(shared=False))
    servers = before["mcp_servers"]
    assert added == {**before, "mcp_servers": {**servers, "anabranch": words}}
    assert asked == {**before, "mcp_servers": {**servers, "anabranch": {"url": URL}}}
    assert tomllib.loads(path.read_text()) == before


def test_a_service_is_named_alone(alone: CommandLine) -> None:
    """A home or a key beside it, a key without it, and what is no address are refused."""
    wrong = (
        ("--url", "memory.example.com"),
        ("--url", "https://u:p@memory.example.com/mcp"),
        ("--url", URL, "--namespace-by-project"),
        ("--url", URL, "--key-env", "ab_0123_secret-"),
        ("--key-env", "THE_KEY"),
    )

    found = [alone.here("mcp", "install", "claude", *one, "--json") for one in wrong]
    shown = alone.here("mcp", "install", "claude", "--url", URL, "--print")

    assert [(one.code, one.error["type"]) for one in found] == [(2, "UsageInvalid")] * len(wrong)
    assert parsed(shown.out)["mcpServers"]["anabranch"] == {"type": "http", "url": URL}
