"""The server, asked by the SDK's own client in both eras of the protocol."""

# pyright: reportPrivateUsage=false
# What the server stored beside an event is read past the log.

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from jsonschema import validate
from mcp import MCPError
from mcp.client.client import Client
from mcp_types import Implementation

from anabranch.errors import ServiceBusy
from anabranch.mcp import calls
from anabranch.mcp.access import NamespaceAccess
from anabranch.mcp.server import MemoryServer
from anabranch.mcp.tools import listed_tools
from anabranch.memory.memory import namespace_of
from anabranch_events import new_id
from anabranch_events.jetstream import direct_get
from tests.support.settled import OPPOSED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anabranch import Memory


pytestmark = pytest.mark.timeout(900)
ERAS: Final = {"auto": "2026-07-28", "legacy": "2025-11-25"}
GIVES: Final = {tool["name"]: tool["outputSchema"] for tool in listed_tools()}


class Asking:
    """A client of a server; every answer is held to what the tool promises."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """Return the structure of an answer, which the text says too."""
        result = await self.client.call_tool(name, arguments)
        assert not result.is_error, result.content
        answer: dict[str, Any] = result.structured_content
        assert json.loads(text_of(result)) == answer
        validate(answer, GIVES[name])
        return answer

    async def refused(self, name: str, /, **arguments: Any) -> str:
        """Return the text of an error."""
        result = await self.client.call_tool(name, arguments)
        assert result.is_error
        assert result.structured_content is None
        return text_of(result)

    async def in_trace(self, traceparent: str, /, **arguments: Any) -> Any:
        """Remember in a trace that the call's `_meta` names, as the protocol has it."""
        meta: Any = {"traceparent": traceparent}
        result = await self.client.call_tool("remember", arguments, meta=meta)
        return result.structured_content

    async def as_thread(self, session: str, thread: str, /, **arguments: Any) -> Any:
        """Open a session as a sub-agent of a client that names its threads does."""
        meta: Any = {"sessionId": session, "threadId": thread}
        result = await self.client.call_tool("open_session", arguments, meta=meta)
        return result.structured_content


def text_of(result: Any) -> str:
    """Return the one text of a result."""
    (content,) = result.content
    text: str = content.text
    return text


@pytest.fixture
def served(memory: Memory) -> MemoryServer:
    """A server over it."""
    return MemoryServer(NamespaceAccess(namespace_of(memory)))


@pytest.fixture
async def ask(served: MemoryServer) -> AsyncIterator[Asking]:
    """A client of that server, in a task of its own: it must end in the task it began in."""
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def hold() -> None:
        async with Client(served.server) as client:
            ready.set_result(client)
            await done.wait()

    holding = asyncio.create_task(hold())
    yield Asking(await ready)
    done.set()
    await holding


async def test_what_is_stored_is_in_the_trace_of_the_call(ask: Asking, memory: Memory) -> None:
    """`_meta.traceparent` of a call, of protocol 2026-07-28, stands beside the event."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    connection = namespace_of(memory).backend.log._connection

    traced = await ask.in_trace(trace, text="The pump is red")
    untraced = await ask("remember", text="The pump is blue")

    found = [
        await direct_get.get(connection, {"seq": one["position"]}) for one in (traced, untraced)
    ]
    assert [(one.headers or {}).get("traceparent") for one in found if one] == [trace, None]


@pytest.mark.parametrize("era", ERAS)
async def test_an_answer_fits_what_the_client_shows_to_its_model(
    served: MemoryServer, memory: Memory, era: Any
) -> None:
    """Codex 0.171.0 shows 12,000 bytes of a result, and hides how much it took out of the middle.

    See findings/codex_says_that_a_few_tokens_of_a_long_result_are_gone.sh. Other clients show more.
    """
    texts = [f"Pier {number} is closed. {'It was a long winter. ' * 180}" for number in range(5)]
    await memory.remember_all(texts)
    codex = Implementation(name="codex-mcp-client", version="0.171.0")
    async with (
        Client(served.server, mode=era, client_info=codex) as short,
        Client(served.server, mode=era) as client,
    ):
        cut = await Asking(short)("recall", query="Which pier is closed?")
        whole = await Asking(client)("recall", query="Which pier is closed?")

    assert len(orjson.dumps(cut)) <= 11_000
    assert {hit["insight_id"] for hit in cut["hits"]} == {
        hit["insight_id"] for hit in whole["hits"]
    }
    assert cut["cut"].startswith("Too long for this client: texts end after ")
    assert {hit["text"] for hit in whole["hits"]} == set(texts)
    assert "cut" not in whole


@pytest.mark.parametrize("era", ERAS)
async def test_an_agent_goes_through_a_whole_session(
    served: MemoryServer, memory: Memory, era: Any
) -> None:
    """Recall, context, open, branch, remember, note, cite, complete, consolidate, hand off, history."""
    known = await memory.remember("Staging listens on port 5433")
    async with Client(served.server, mode=era) as client:
        ask = Asking(client)
        assert client.protocol_version == ERAS[era]
        assert "recall" in (client.instructions or "")
        tools = (await client.list_tools()).tools
        recalled = await ask("recall", query="Which port has staging?")
        context = await ask("get_context", query="Which port has staging?", tokens=60)
        opened = await ask("open_session", task="Move staging", role="focus")
        root = opened["session_id"]
        branches = [
            await ask("branch_session", parent_id=root, task=task) for task in ("ports", "disks")
        ]
        learned = await ask(
            "remember", text="Port 5434 is free on staging", session_id=root, tags=["infra"]
        )
        await ask("set_note", session_id=root, key="plan", value={"next": "disks"})
        await ask(
            "cite_insights",
            insight_ids=[known.insight_id],
            outcome="confirmed",
            recall_id=recalled["recall_id"],
        )
        for branch, text in zip(
            branches, ("Port 5433 is taken", "The disk is half full"), strict=True
        ):
            await ask(
                "complete_session", session_id=branch["session_id"], result="seen", insights=[text]
            )
        synthesis = await ask("consolidate_session", root_id=root)
        handed = await ask("hand_off_session", session_id=root, summary="Move it", to_agent="ben")
        heir = await ask("get_session", session_id=handed["to"])
        before = await ask("get_session", session_id=root, as_of=opened["position"])
        life = await ask("get_history", thing_id=known.insight_id)

    assert [tool.name for tool in tools] == list(GIVES)
    assert [hit["insight_id"] for hit in recalled["hits"]] == [known.insight_id]
    assert context["citations"] == [{"n": 1, "insight_id": known.insight_id}]
    assert [one["parent_id"] for one in branches] == [root, root]
    assert learned["insight_id"] in synthesis["sources"]
    assert len(synthesis["sources"]) == 3
    assert (heir["parent_id"], heir["working_memory"]) == (root, {"plan": {"next": "disks"}})
    assert (before["status"], before["working_memory"]) == ("open", {})
    assert [one["type"] for one in life["events"][:2]] == [
        "anabranch.insight.recorded.v1",
        "anabranch.insight.cited.v1",
    ]
    assert (await memory.show_session(root)).agent == "mcp"


async def test_a_call_that_is_sent_again_changes_nothing(ask: Asking, memory: Memory) -> None:
    """The same request of the same client is stored once, and answered alike."""
    calls: list[tuple[str, Mapping[str, Any]]] = []

    async def twice(name: str, **arguments: Any) -> dict[str, Any]:
        calls.append((name, arguments))
        first = await ask(name, **arguments)
        assert await ask(name, **arguments) == first
        return first

    root = (await twice("open_session", task="Move staging"))["session_id"]
    branch = (await twice("branch_session", parent_id=root, task="ports"))["session_id"]
    fact = await twice("remember", text="Port 5434 is free", session_id=branch)
    await twice("cite_insights", insight_ids=[fact["insight_id"]], session_id=root)
    await twice("complete_session", session_id=branch, result="free", insights=["Use 5434"])
    await twice("hand_off_session", session_id=root, summary="Go on")

    types = [one.decode().type.removeprefix("anabranch.")[:-3] async for one in memory.replay()]
    assert len(calls) == 6
    assert sorted(types) == [
        *("branch.completed", "branch.created", "branch.created"),
        *("insight.cited", "insight.recorded", "session.handed_off", "session.opened"),
    ]


async def test_a_task_that_has_ended_begins_anew(ask: Asking) -> None:
    """The same task is the same session only for as long as that one lives."""
    first = await ask("open_session", task="Water the plants")
    await ask("complete_session", session_id=first["session_id"], result="done")

    second = await ask("open_session", task="Water the plants")
    again = await ask("open_session", task="Water the plants")

    assert second["session_id"] != first["session_id"]
    assert again == second


async def test_what_is_learned_goes_into_the_one_open_session(ask: Asking, memory: Memory) -> None:
    """Without a session one is opened and used again; of several one must be named."""
    first = await ask("remember", text="The kettle is blue")
    second = await ask("remember", text="The kettle is loud")
    third = await ask("open_session", task="Buy a kettle")

    refused = await ask.refused("remember", text="The shop is shut")

    assert first["session_id"] == second["session_id"] != third["session_id"]
    assert refused.startswith("session_id: several sessions are open: ")
    assert third["session_id"] in refused
    assert refused.endswith("Fix: name the one in which it was learned")
    assert len(await memory.list_sessions(remembered=True)) == 2


async def test_sub_agents_of_a_client_branch_from_its_session(ask: Asking, memory: Memory) -> None:
    """The client's own session id is kept; a thread of it opens branches, side by side."""
    root = await ask.as_thread("c1", "c1", task="Plan the trip")
    threads = await asyncio.gather(
        *(ask.as_thread("c1", f"t{number}", task=f"part {number}") for number in range(3))
    )
    other = await ask.as_thread("c2", "t1", task="part 1")

    assert [one["parent_id"] for one in threads] == [root["session_id"]] * 3
    assert len({one["session_id"] for one in threads}) == 3
    assert other["parent_id"] is None
    rows = [one.decode().data for one in [one async for one in memory.replay()]]
    assert [getattr(data, "attributes", None) for data in rows] == [
        *[{"client_session": "c1"}] * 4,
        {"client_session": "c2"},
    ]


async def test_sessions_may_all_be_branches_of_one(memory: Memory) -> None:
    """A server that is given a session opens branches of it."""
    root = await memory.open_session("Plan the trip")
    server = MemoryServer(
        NamespaceAccess(namespace_of(memory)), parent_id=root.session_id, agent="ada"
    )
    async with Client(server.server) as client:
        opened = await Asking(client)("open_session", task="Trains")

    branch = await memory.show_session(opened["session_id"])
    assert (branch.parent_id, branch.agent) == (root.session_id, "ada")


async def test_what_a_client_leaves_open_is_closed(
    ask: Asking, served: MemoryServer, memory: Memory
) -> None:
    """Completed ones keep their result, and a session that was handed on is its heir's."""
    done = await ask("open_session", task="a")
    await ask("complete_session", session_id=done["session_id"], result="ok")
    left = await ask("open_session", task="b")
    branch = await ask("branch_session", parent_id=left["session_id"], task="c")
    handed = await ask("open_session", task="d")
    heir = await ask("hand_off_session", session_id=handed["session_id"], summary="go on")

    await served.close()
    await served.close()

    ids = [one["session_id"] for one in (done, left, branch, handed)]
    views = [await memory.show_session(one) for one in (*ids, heir["to"])]
    assert [view.status for view in views] == [
        *("completed", "closed", "closed", "handed_off", "pending"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "begins", "fix"),
    [
        ("recall", {"query": " "}, "query: ", ""),
        ("recall", {"query": "x", "k": 0}, "k: ", ""),
        ("recall", {"query": "x", "scope": "lineage"}, "", "session"),
        ("recall", {"question": "x"}, "question: recall has no such argument", "use query, k, "),
        ("remember", {}, "text: ", ""),
        ("get_session", {"session_id": "42"}, "session_id: '42' is not a UUID", ""),
        ("get_session", {"session_id": new_id()}, "", "open_session"),
        ("recall", {"query": "x", "as_of": "999999"}, "", "none for what is known now"),
        ("branch_session", {"parent_id": new_id(), "task": "x"}, "", "open_session"),
        ("remember", {"text": "x", "session_id": new_id()}, "", "open_session"),
        ("set_note", {"session_id": new_id(), "key": "x", "value": 1}, "", "open_session"),
        ("complete_session", {"session_id": new_id(), "result": "x"}, "", "open_session"),
        ("consolidate_session", {"root_id": new_id()}, "", "open_session"),
        ("consolidate_session", {"session_id": new_id()}, "", ""),
        ("hand_off_session", {"session_id": new_id(), "summary": "x"}, "", "open_session"),
        ("cite_insights", {"insight_ids": [new_id()]}, "", ""),
        ("get_history", {"thing_id": new_id()}, "", ""),
        ("sing", {}, "name: there is no tool 'sing'", "use one of recall, "),
    ],
)
async def test_an_error_says_what_to_do(
    ask: Asking, name: str, arguments: Mapping[str, Any], begins: str, fix: str
) -> None:
    """It is the tool's answer, so that the model reads it, and ends with the fix."""
    said = await ask.refused(name, **arguments)

    message, _, advice = said.rpartition("Fix: ")
    assert message.startswith(begins)
    assert fix in advice
    assert advice
    assert "`anabranch" not in advice  # An agent has tools.


@pytest.mark.parametrize("waits", [True, False])
async def test_an_argument_that_a_client_adds_for_itself_is_passed_over(
    ask: Asking, *, waits: bool
) -> None:
    """Gemini CLI gives each tool a `wait_for_previous`, and sends it to the server.

    See findings/gemini_cli_gives_servers_an_argument_of_its_own.sh (0.61.0).
    """
    stored = await ask("remember", text="The lamp is lit.", wait_for_previous=waits)

    found = await ask("recall", query="lamp", wait_for_previous=waits)
    assert [hit["insight_id"] for hit in found["hits"]] == [stored["insight_id"]]


@pytest.mark.parametrize("text", ["null", '["a"]', "[]", '{"a": 1}', "7", "true", '"a"'])
async def test_a_text_that_is_json_is_a_text(ask: Asking, memory: Memory, text: str) -> None:
    """Also where it need not be given: the SDK's own tools read such a text as what it holds.

    See findings/mcp_python_server_refuses_texts_that_are_json.sh (mcp 2.3.0).
    """
    stored = await ask("remember", text=text, subject=text, tags=[text])

    kept = await memory.get(stored["insight_id"])
    assert (kept.text, kept.subject, [*kept.tags]) == (text, text, [text])


async def test_what_need_not_be_given_may_be_empty(ask: Asking) -> None:
    """Models fill in null or nothing where an argument may be left out."""
    found = await ask("recall", query="kettle", session_id="", scope=None, tags=None)

    assert found["hits"] == []


async def test_resources_are_read_by_their_address(ask: Asking, memory: Memory) -> None:
    """A session and an insight are JSON; what is not there is an error that says so."""
    fact = await memory.remember("The kettle is blue")
    client = ask.client

    templates = (await client.list_resource_templates()).resource_templates
    read = [
        json.loads(getattr((await client.read_resource(uri)).contents[0], "text", ""))
        for uri in (
            f"anabranch://session/{fact.session_id}",
            f"anabranch://insight/{fact.insight_id}",
        )
    ]

    assert [one.uri_template for one in templates] == [
        "anabranch://session/{session_id}",
        "anabranch://insight/{insight_id}",
        "anabranch://entity/{name}",
        "anabranch://conflict/{position}",
    ]
    assert (read[0]["session_id"], read[1]["text"]) == (fact.session_id, "The kettle is blue")
    listed = (await client.list_resources()).resources
    assert [str(one.uri) for one in listed] == ["anabranch://conflicts"]
    for uri in (
        f"anabranch://session/{new_id()}",
        "anabranch://x/1",
        "anabranch://conflict/x",
        "anabranch://conflict/1",
        "file:///etc/passwd",
    ):
        with pytest.raises(MCPError, match="Fix: "):
            await client.read_resource(uri)
    with pytest.raises(MCPError, match=f"no conflict that was opened at position {10**30}"):
        await client.read_resource(f"anabranch://conflict/{10**30}")


async def test_a_conflict_is_seen_and_decided(ask: Asking, memory: Memory) -> None:
    """It stands beside a hit and in the resources; the insight that is cited for it holds."""
    older, newer = [(await memory.remember(text.format(7))).insight_id for text in OPPOSED]
    await memory.settle()
    (conflict,) = await memory.conflicts()

    hits = (await ask("recall", query=OPPOSED[0].format(7)))["hits"]
    beside = {hit["insight_id"]: [one["position"] for one in hit["conflicts"]] for hit in hits}
    listed = await _read(ask, "anabranch://conflicts")
    shown = await _read(ask, f"anabranch://conflict/{conflict.position}")
    decides = {"insight_ids": [newer], "resolves": conflict.position, "decision": "measured"}
    refused = [
        await ask.refused("cite_insights", outcome="rejected", **decides),
        await ask.refused("cite_insights", outcome="confirmed", **{**decides, "insight_ids": []}),
        await ask.refused("cite_insights", outcome="confirmed", insight_ids=[newer], resolves=1),
    ]
    decided = await ask("cite_insights", outcome="confirmed", recall_id="", **decides)
    again = await ask("cite_insights", outcome="confirmed", **decides)
    events = (await ask("get_history", thing_id=newer))["events"]
    superseded = await ask("recall", query=OPPOSED[0].format(7), include_retired=True)

    assert again == decided
    assert [one["position"] for one in events if "cited" in one["type"]] == [
        decided["position"] + 2
    ]
    assert {hit["insight_id"] for hit in superseded["hits"]} == {older, newer}
    assert beside == {older: [conflict.position], newer: [conflict.position]}
    assert [one["position"] for one in listed["conflicts"]] == [conflict.position]
    assert {shown["one"]["insight_id"], shown["other"]["insight_id"]} == {older, newer}
    assert [one.partition(":")[0] for one in refused] == ["outcome", "insight_ids", "decision"]
    assert await memory.conflicts() == []
    assert (await memory.get(older)).retired is not None
    assert (await memory.get(newer)).retired is None


async def test_an_error_names_what_the_tool_takes(ask: Asking, memory: Memory) -> None:
    """The operation behind a tool has other names, and fixes for other surfaces."""
    older, newer = [(await memory.remember(text.format(7))).insight_id for text in OPPOSED]
    await memory.settle()
    (conflict,) = await memory.conflicts()

    async def refused(insight_id: str, position: int, decision: str = "measured") -> str:
        return await ask.refused(
            "cite_insights", insight_ids=[insight_id], resolves=position, decision=decision
        )

    third, nowhere = await refused(new_id(), conflict.position), await refused(newer, 10**6)
    negative, empty = await refused(newer, -1), await refused(newer, conflict.position, " ")
    await ask("cite_insights", insight_ids=[newer], resolves=conflict.position, decision="measured")
    late = await refused(older, conflict.position)
    alone = await ask.refused("cite_insights", insight_ids=[newer], decision="measured")
    no_id = await ask.refused("cite_insights", insight_ids=["gate"])

    assert third.startswith("insight_ids: ")
    assert older in third
    assert newer in third
    assert all(one.startswith("resolves: ") for one in (nowhere, negative, late))
    assert all("anabranch://conflict" in one for one in (third, nowhere, negative, late))
    assert empty.startswith("decision: ")
    assert alone == (
        "decision: says nothing without resolves. Fix: give resolves too, or leave decision out"
    )
    assert no_id.startswith("insight_ids.0: 'gate' is not a UUID. Fix: give an id whole")
    for one in (third, nowhere, negative, late):
        assert not one.startswith(("holds", "position"))
        assert "anabranch conflicts" not in one


async def test_all_about_a_name_is_read_and_put_together(ask: Asking, memory: Memory) -> None:
    """By a resource, whose name may need escapes, and by a tool, which cites; so a session."""
    session = await memory.open_session("Look after the gateway")
    fact = await session.remember("The gateway is old", entities=["Basel/Süd"])

    known = await _read(ask, "anabranch://entity/Basel%2FS%C3%BCd")
    of_name = await ask("consolidate_session", entity="Basel/Süd")
    of_session = await ask("consolidate_session", session_id=session.session_id, root_id="")
    neither = await ask.refused("consolidate_session")
    both = await ask.refused("consolidate_session", entity="x", root_id=session.session_id)

    assert [one["insight_id"] for one in known["insights"]] == [fact.insight_id]
    assert of_name["sources"] == of_session["sources"] == [fact.insight_id]
    assert (of_name["method"], of_name["dropped"], of_name["fallback"]) == ("extractive", {}, None)
    assert neither == (
        "root_id: none of root_id, entity and session_id is given. "
        "Fix: give one of root_id, entity and session_id"
    )
    assert "goes not together with entity" in both


async def _read(ask: Asking, uri: str) -> dict[str, Any]:
    """Read a resource."""
    (content,) = (await ask.client.read_resource(uri)).contents
    found: dict[str, Any] = json.loads(getattr(content, "text", ""))
    return found


async def test_prompts_are_given_with_their_arguments(ask: Asking) -> None:
    """There are three, and one that is not complete is refused."""
    client = ask.client

    names = [one.name for one in (await client.list_prompts()).prompts]
    given = await client.get_prompt("recall_before_work", {"task": "buy a kettle"})

    (message,) = given.messages
    assert names == ["recall_before_work", "hand_off", "end_session"]
    assert "buy a kettle" in getattr(message.content, "text", "")
    with pytest.raises(MCPError, match="task: it must be given"):
        await client.get_prompt("recall_before_work", {})


class _Slow:
    """An access that takes its time, and then meets an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.reported = asyncio.Event()

    async def run(self, *_: object, **__: object) -> Mapping[str, Any]:
        await self.reported.wait()
        raise self._error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ServiceBusy("it is busy", fix="try again"), "it is busy. Fix: try again"),
        (ValueError("secret"), "the memory met an unexpected ValueError. Fix: try again"),
    ],
)
async def test_a_long_call_reports_progress(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as a call is at work it says so; an error that nobody foresaw keeps its details."""
    monkeypatch.setattr(calls, "_PROGRESS_EACH_S", 0.01)
    access = _Slow(error)
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert (total, message) == (None, "recall is at work")
        heard.append(progress)
        if progress >= 3:
            access.reported.set()

    async with Client(MemoryServer(access).server) as client:
        result = await client.call_tool("recall", {"query": "x"}, progress_callback=hear)

    assert heard[:3] == [1, 2, 3]
    assert result.is_error
    assert text_of(result).startswith(said)
    assert "secret" not in text_of(result)
