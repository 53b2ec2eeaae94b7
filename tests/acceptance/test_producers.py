"""Producers in any language, and the pages of `up --http`: what they send is remembered."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import nats
import pytest
from prometheus_client.parser import text_string_to_metric_families

from anabranch_events import Log, encode, new_event, new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from tests.acceptance.test_docs import blocks
from tests.support.fixtures.memory import CommandLine, running
from tests.support.go_builds import QUICK
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from nats.aio.client import Client

    from anabranch_events import NatsServer

pytestmark = [pytest.mark.timeout(1800), in_full_only]

PAGES = "docs/how-to/produce-with-{}.md"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Give the command line over a home on which `anabranch up --http` runs."""
    with running(tmp_path_factory.mktemp("up") / "home", "--http", "0") as line:
        yield line
    assert "Traceback" not in (line.home / "up.log").read_text()


def runtime(line: CommandLine) -> Any:
    """Return what the owner of the home says."""
    return json.loads((line.home / "runtime.json").read_text())


@pytest.fixture
async def client(up: CommandLine) -> AsyncGenerator[Client]:
    """A plain NATS client of the log's server."""
    found = runtime(up)["log"]
    opened = await nats.connect(found["url"], token=found["token"])
    yield opened
    await opened.close()


def get(line: CommandLine, path: str) -> tuple[int, bytes]:
    """Return the status and the body of a page."""
    try:
        url = runtime(line)["http_url"] + path
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - our own pages.
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def run(line: CommandLine, command: list[str], folder: Path) -> str:
    """Run a producer where the pages say it finds the server; return what it prints."""
    found = runtime(line)["log"]
    path = f"{os.path.dirname(sys.executable)}:{folder / 'bin'}:{os.environ['PATH']}"  # noqa: PTH120 - a name.
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PATH": path,
            "GOFLAGS": QUICK,
            "NATS_URL": found["url"],
            "NATS_TOKEN": found["token"],
        },
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def last_position(printed: str) -> str:
    """Return the highest position that a producer was told."""
    found = re.findall(r'(?:position|"position":|Sequence:)\s*(\d+)', printed)
    return str(max(map(int, found)))


def recalled(line: CommandLine, question: str, *, after: str) -> set[str]:
    """Return the texts that recall finds, once the graph has reached a position."""
    hits = line.here("recall", "--json", "--after", after, question).value["hits"]
    return {hit["text"] for hit in hits}


def test_the_python_producers_of_the_page_are_remembered(up: CommandLine, tmp_path: Path) -> None:
    """What nats-py alone publishes and asks, and what the log appends, is recalled."""
    plain, own = blocks(PAGES.format("python"), "python")
    (tmp_path / "plain.py").write_text(plain)
    (tmp_path / "own.py").write_text(own)

    printed = run(up, [sys.executable, "plain.py"], tmp_path)
    printed += run(up, [sys.executable, "own.py"], tmp_path)

    found = recalled(up, "What do otters and beavers do?", after=last_position(printed))
    assert found >= {
        "Otters hold hands while they sleep",
        "Otters keep a favourite stone",
        "Beavers repair a dam at night",
    }


def test_the_shell_finds_the_server_as_the_page_says(up: CommandLine) -> None:
    """The page's shell block reads address and token from the home."""
    (shell,) = blocks(PAGES.format("python"), "sh")

    done = subprocess.run(
        ["/bin/bash", "-c", f'set -euo pipefail\n{shell}\necho "$NATS_URL $NATS_TOKEN"'],
        env={**os.environ, "ANABRANCH_HOME": str(up.home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )

    found = runtime(up)["log"]
    assert done.stdout.strip() == f"{found['url']} {found['token']}"


def test_the_nats_command_of_the_page_is_remembered(up: CommandLine, tmp_path: Path) -> None:
    """What the `nats` command publishes is a session, and what it asks for is recalled."""
    page = PAGES.format("the-nats-cli")
    if shutil.which("nats") is None:
        if shutil.which("go") is None:
            pytest.skip("neither `nats` nor Go, which builds it, is on this machine")
        module = re.findall(r"`go install (\S+)`", (ROOT / page).read_text())[0]
        subprocess.run(
            ["go", "install", module],  # noqa: S607 - the Go that the reader has.
            env={**os.environ, "GOBIN": str(tmp_path / "bin"), "GOFLAGS": QUICK, "GOGC": "800"},
            check=True,
            timeout=500,
        )
    (shell,) = blocks(page, "sh")

    printed = run(up, ["/bin/bash", "-c", f"set -euo pipefail\n{shell}"], tmp_path)

    found = recalled(up, "When do herons fish?", after=last_position(printed))
    assert "Herons fish at dusk" in found


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not on this machine")
def test_the_go_producer_of_the_page_is_remembered(up: CommandLine, tmp_path: Path) -> None:
    """What Go publishes and asks for is recalled."""
    (shell,) = blocks(PAGES.format("go"), "sh")
    (tmp_path / "main.go").write_text(blocks(PAGES.format("go"), "go")[0])

    printed = run(up, ["/bin/bash", "-c", f"set -euo pipefail\n{shell}"], tmp_path)

    found = recalled(up, "What do gophers do?", after=last_position(printed))
    assert found >= {"Gophers store food in tunnels", "Gophers whistle when a hawk comes"}


@pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not on this machine")
def test_the_typescript_producer_of_the_page_is_remembered(up: CommandLine, tmp_path: Path) -> None:
    """What Node publishes and asks for is recalled."""
    (shell,) = blocks(PAGES.format("typescript"), "sh")
    program = blocks(PAGES.format("typescript"), "typescript")[0]
    (tmp_path / "producer.mjs").write_text(program)

    printed = run(up, ["/bin/bash", "-c", f"set -euo pipefail\n{shell}"], tmp_path)

    found = recalled(up, "What do foxes do?", after=last_position(printed))
    assert found >= {"Foxes listen for mice under the snow", "Foxes bury what they cannot eat"}


async def test_a_plain_publisher_is_applied_or_put_aside(up: CommandLine, client: Client) -> None:
    """In both modes a valid event is recalled; one that is not is a dead letter with its reason."""
    stream = client.jetstream()
    session_id = new_id()
    subject = f"anabranch.events.default.{session_id}"
    texts = {"structured": "Lynxes hear a mouse", "binary": "Badgers air their bedding"}
    events = {
        mode: new_event(
            InsightRecorded(insight_id=new_id(), text=text),
            session_id=session_id,
            namespace="default",
        )
        for mode, text in texts.items()
    }
    opened = new_event(SessionOpened(task="watch"), session_id=session_id, namespace="default")
    fields = json.loads(encode(events["binary"]))
    data = json.dumps(fields.pop("data")).encode()
    binary = {f"ce-{name}": str(value) for name, value in fields.items()}
    binary["Content-Type"] = "application/json"
    json_type = {"Content-Type": "application/cloudevents+json"}

    await stream.publish(subject, encode(opened), headers=json_type)
    await stream.publish(subject, encode(events["structured"]), headers=json_type)
    await stream.publish(subject, data, headers=binary)
    no_json = await stream.publish(subject, b"no event at all", headers=json_type)
    no_text = await stream.publish(subject, b'{"insight_id": "42"}', headers=binary)

    after = str(no_text.seq)
    found = await asyncio.to_thread(recalled, up, "lynxes and badgers", after=after)
    rows = await asyncio.to_thread(
        up.here,
        "cypher",
        "--json",
        "MATCH (d:DeadLetter) WHERE d.position IN [$first, $second] "
        "RETURN d.position AS position, d.reason AS reason ORDER BY position",
        "--param",
        f"first={no_json.seq}",
        "--param",
        f"second={no_text.seq}",
    )
    assert found >= set(texts.values())
    assert [row["position"] for row in rows.lines] == [no_json.seq, no_text.seq]
    assert "JSON" in rows.lines[0]["reason"]
    assert "insight_id" in rows.lines[1]["reason"]


async def test_what_a_command_stored_is_recalled_by_a_command(client: Client) -> None:
    """A receipt's position, given as `after`, lets recall see what was remembered."""

    async def ask(command: str, body: dict[str, Any]) -> Any:
        subject = f"anabranch.commands.meadow.{command}"
        answer = await client.request(subject, json.dumps(body).encode(), timeout=PATIENCE_S)
        assert (answer.headers or {})["Content-Type"] == "application/json", answer.data
        return json.loads(answer.data)

    receipt = await ask("remember", {"text": "Storks clatter with their beaks"})
    question = {"query": "What do storks do?", "after": receipt["position"], "wait_s": 30}

    found = await ask("recall", question)

    assert [hit["insight_id"] for hit in found["hits"]] == [receipt["insight_id"]]
    assert found["position"] >= receipt["position"]


async def test_the_pages_tell_of_health_metrics_and_commands(
    up: CommandLine, client: Client
) -> None:
    """Health names log and graph; metrics count commands; the document is the committed one."""
    await client.request(
        "anabranch.commands.meadow.open_session", b'{"task": "x"}', timeout=PATIENCE_S
    )

    health, said = get(up, "/health")
    metrics, counted = get(up, "/metrics")
    page, html = get(up, "/asyncapi")
    document = json.loads(get(up, "/asyncapi.json")[1])

    assert (health, json.loads(said)["ok"]) == (200, True)
    assert json.loads(said).keys() == {"ok", "log", "graph"}
    assert metrics == 200
    assert b"anabranch_commands_received_messages_total{" in counted
    assert b"meadow" not in counted
    assert (page, b"Anabranch commands" in html) == (200, True)
    assert document == json.loads((ROOT / "docs/reference/asyncapi.json").read_text())
    assert get(up, "/asyncapi/try")[0] == 404


def test_the_operations_stand_beside_the_pages(up: CommandLine) -> None:
    """What is remembered over HTTP is in the log of the home, and the metrics count it."""
    base = runtime(up)["http_url"]
    asked = urllib.request.Request(  # noqa: S310 - the address is our own.
        f"{base}/v1/insights?namespace=brook",
        data=b'{"text": "Dippers walk under water"}',
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310 - as above.
        kept = json.loads(answer.read())

    shown = up.here("get", kept["insight_id"], "-N", "brook", "--json").value
    counted = get(up, "/metrics")[1].decode()

    assert shown["text"] == "Dippers walk under water"
    assert 'anabranch_http_requests_total{operation="remember",status="200"} 1.0' in counted
    assert (get(up, "/")[0], get(up, "/docs")[0]) == (200, 200)


async def test_the_metrics_tell_of_the_projections(up: CommandLine, client: Client) -> None:
    """Once all is applied, the page and `status` give the same figures of each projection."""
    body = b'{"text": "Herons wait for fish"}'
    answer = await client.request("anabranch.commands.meadow.remember", body, timeout=PATIENCE_S)
    position = json.loads(answer.data)["position"]
    name = "anabranch_projection_"

    status = up("status", "--json").value
    while any(one["position"] < position for one in status["projections"]):
        await asyncio.sleep(0.1)
        status = up("status", "--json").value
    text = get(up, "/metrics")[1].decode()

    samples = {
        (sample.name, sample.labels["projection"]): (sample.value, sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(name)
    }
    assert {projection for _, projection in samples} == {"graph", "vectors"}
    for one in status["projections"]:
        (projector,) = one["projectors"]
        expected = {
            "position": one["position"],
            "lag_events": 0,
            "lag_seconds": 0,
            "active": 1,
            "batch_events": projector["batch_size"],
            "events_total": projector["events"],
            "retries_total": projector["retries"],
            "dead_letters_total": projector["dead_letters"],
            "info": 1,
        }
        found = {key: samples[name + key, one["name"]][0] for key in expected}
        assert found == expected
        assert samples[name + "events_per_second", one["name"]][0] >= 0
        assert samples[name + "info", one["name"]][1]["generation"] == one["generation"]
        assert projector["pid"] == runtime(up)["pid"]


async def test_up_leaves_the_stream_as_the_log_makes_it(
    client: Client, nats_server: NatsServer
) -> None:
    """FastStream declares nothing: the events stream has the settings that the log alone gives."""
    other = await nats.connect(nats_server.url, token=nats_server.token)

    async def settings_of(one: Client) -> Any:
        answer = await one.request("$JS.API.STREAM.INFO.ANABRANCH_EVENTS", b"", timeout=PATIENCE_S)
        return json.loads(answer.data)["config"]

    async with Log.connect(nats_server.url, token=nats_server.token):
        alone = await settings_of(other)
    served = await settings_of(client)

    await other.close()
    assert served == alone


def test_a_port_that_is_taken_is_said(up: CommandLine, alone: CommandLine) -> None:
    """A second `up` on the pages' port ends with PortTaken and what to do."""
    port = runtime(up)["http_url"].rpartition(":")[2]

    ran = alone("up", "--json", "--http", port)

    assert (ran.code, ran.error["type"]) == (1, "PortTaken")
