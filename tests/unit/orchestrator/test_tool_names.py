"""The names of servers' tools: which tool a name means, and which permissions hold for it, whichever servers are up."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from perdure.bus import MemoryObjects
from perdure.config.agents import AgentSettings, LimitSettings
from perdure.errors import Unavailable
from perdure.flow.messages import ServerQuery, ToolRequest, ToolResult
from perdure_orchestrator.activities.call_tool import CallTool
from perdure_orchestrator.activities.query_servers import QueryServers
from perdure_orchestrator.activities.worker_queue import WorkerQueue
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.odd_servers import odd

ONE, BOTH = ("prod",), ("prod", "test")


def delete(text: str) -> dict[str, Any]:
    result = {"content": [{"type": "text", "text": text}]}
    return {"name": "delete", "inputSchema": {"type": "object"}, "result": result}


@pytest_asyncio.fixture
async def servers(tmp_path: Path) -> AsyncIterator[ToolServers]:
    """Two servers with a tool of one name."""
    servers = ToolServers({name: odd(delete(name)) for name in BOTH}, tmp_path / "folders")
    yield servers
    await servers.close()


async def call(servers: ToolServers, names: tuple[str, ...], tool: str, call_id: str = "c", **agent: Any) -> ToolResult:
    conversations = Conversations(MemoryObjects())
    activity = CallTool(servers, permissions(**agent), conversations, LimitSettings(), own_queue=WorkerQueue(()))
    request = ToolRequest(agent="clerk", servers=names, tool=tool, arguments={}, call_id=call_id)
    answer: ToolResult = await ActivityEnvironment().run(activity.run, request)
    return answer


async def listed(servers: ToolServers, names: tuple[str, ...], **agent: Any) -> list[str]:
    query = QueryServers(servers, Functions(["tests"]), permissions(**agent))
    found = await ActivityEnvironment().run(query.run, ServerQuery(agent="clerk", servers=names, about="tools"))
    return [item["name"] for item in found.items]


def permissions(**agent: Any) -> ToolPermissions:
    return ToolPermissions({"clerk": AgentSettings(**agent)}, {})


@pytest.mark.parametrize("pattern", ["delete", "prod__delete", "prod__*"])
@pytest.mark.parametrize(("names", "tool"), [(ONE, "delete"), (BOTH, "prod__delete")])
async def test_a_pattern_for_one_of_a_tools_names_holds_whichever_servers_are_up(
    servers: ToolServers, pattern: str, names: tuple[str, ...], tool: str
) -> None:
    needing = await call(servers, names, tool, requires_approval=[pattern])
    denied = await call(servers, names, tool, deny_tools=[pattern])
    allowed = await call(servers, names, tool, allow_tools=[pattern])

    assert needing.needs_approval
    assert denied.text.startswith("The agent clerk may not use delete")
    assert (allowed.text, allowed.is_error) == ("prod", False)
    assert tool in await listed(servers, names, allow_tools=[pattern])
    assert tool not in await listed(servers, names, deny_tools=[pattern])


STARTS_ONCE = """
import os, sys
from pathlib import Path
sys.exit(3) if Path(sys.argv[1]).exists() else os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest_asyncio.fixture
async def fragile(tmp_path: Path) -> AsyncIterator[ToolServers]:
    """The same two servers; ``prod`` does not start while the file ``down`` exists."""
    prod, tool = odd(delete("prod")), delete("test")
    down = prod.model_copy(update={"args": ("-c", STARTS_ONCE, str(tmp_path / "down"), *prod.args)})
    servers = ToolServers({"prod": down, "test": odd(tool)}, tmp_path / "folders")
    yield servers
    await servers.close()


async def stop(servers: ToolServers, tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    await servers.named(["prod"])[0].close()


async def test_a_server_that_is_down_leaves_its_names_as_they_were(fragile: ToolServers, tmp_path: Path) -> None:
    await fragile.offers(BOTH)
    await stop(fragile, tmp_path)

    answer = await call(fragile, BOTH, "delete")

    assert answer.is_error
    assert answer.text == "Several servers offer delete: call prod__delete or test__delete instead"
    assert [*(await fragile.offers(BOTH)).tools] == ["test__delete"]
    assert (await call(fragile, BOTH, "test__delete")).text == "test"
    with pytest.raises(Unavailable, match="prod does not start"):
        await call(fragile, BOTH, "prod__delete")


async def test_a_server_that_was_never_listed_hides_no_name(fragile: ToolServers, tmp_path: Path) -> None:
    (tmp_path / "down").touch()

    assert (await call(fragile, BOTH, "delete")).text == "test"


async def test_a_program_waits_while_its_name_means_several_tools(servers: ToolServers) -> None:
    with pytest.raises(ApplicationError, match="call prod__delete or test__delete instead") as waits:
        await call(servers, BOTH, "delete", call_id="")

    assert (waits.value.type, waits.value.non_retryable) == ("AmbiguousTool", False)


async def test_a_call_that_needs_an_approval_names_its_server(servers: ToolServers) -> None:
    assert (await call(servers, ONE, "delete", requires_approval=["*"])).server == "prod"
    assert (await call(servers, ONE, "prod__delete")).text == "prod"
