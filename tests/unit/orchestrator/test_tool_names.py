"""The names of servers' tools: which tool a name means, and which permissions hold for it, whichever servers are up."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.testing import ActivityEnvironment

from perdure.bus import MemoryObjects
from perdure.config.agents import AgentSettings, LimitSettings
from perdure.flow.messages import ServerQuery, ToolRequest, ToolResult
from perdure_orchestrator.activities.call_tool import CallTool
from perdure_orchestrator.activities.query_servers import QueryServers
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.odd_servers import odd

Serve = Callable[..., ToolServers]
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
    activity = CallTool(servers, permissions(**agent), Conversations(MemoryObjects()), LimitSettings())
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
