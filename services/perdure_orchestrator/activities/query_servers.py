"""The activity that lists tools, resources and prompts of MCP servers, or reads one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python
from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.flow.messages import QUERY_SERVERS, FunctionTool, ServerQuery, ServerQueryResult
from perdure.values.nearest import nearest
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.agents.calling_run import CallingRun
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.run_sessions import SessionLost
from perdure_orchestrator.agents.tool_server import ToolRefused, ToolServer
from perdure_orchestrator.agents.tool_servers import ToolServers
from perdure_orchestrator.agents.usable_tools import usable_tools

if TYPE_CHECKING:
    from pydantic_ai.tools import ToolDefinition

__all__ = ["QueryServers"]


class QueryServers:
    """Queries MCP servers."""

    def __init__(self, servers: ToolServers, functions: Functions, permissions: ToolPermissions) -> None:
        self._servers = servers
        self._functions = functions
        self._permissions = permissions

    @activity.defn(name=QUERY_SERVERS)
    async def run(self, question: ServerQuery) -> ServerQueryResult:
        """Query each of the servers, or the one that has the named resource or prompt."""
        async with heartbeating():
            try:
                return ServerQueryResult(items=tuple(await self._items(question)))
            except (FunctionRefused, ToolRefused) as error:
                raise ApplicationError(str(error), type="ToolRefused", non_retryable=True) from error
            except SessionLost as error:
                session = error.session.model_dump(mode="json")  # so that its run forgets it
                raise ApplicationError(str(error), session, type="SessionLost", non_retryable=True) from error

    async def _items(self, question: ServerQuery) -> list[dict[str, Any]]:
        servers = self._servers.named(question.servers)
        run = CallingRun.of_activity(question.sessions)
        match question.about:
            case "tools":
                return await self._tools(question)
            case "resources":
                return [_item(server, found) for server in servers for found in await server.resources(run)]
            case "prompts":
                return [_item(server, found) for server in servers for found in await server.prompts(run)]
            case "resource":
                offers = {server: [str(it.uri) for it in await server.resources(run)] for server in servers}
                # No list holds the resources of a template: a single server is queried in any case.
                server = _who_has(
                    "resource", question.name, offers, otherwise=servers[0] if len(servers) == 1 else None
                )
                return [_item(server, part) for part in await server.read(question.name, run)]
            case "prompt":
                offers = {server: [it.name for it in await server.prompts(run)] for server in servers}
                server = _who_has("prompt", question.name, offers)
                return [_item(server, part) for part in await server.prompt(question.name, question.arguments, run)]

    async def _tools(self, question: ServerQuery) -> list[dict[str, Any]]:
        """Describe the tools that the agent may use."""
        offers = await self._servers.offers(question.servers)
        if offers.failed:
            raise next(iter(offers.failed.values()))
        usable = usable_tools(question.agent, question.functions, offers, self._permissions)
        return [
            _function(self._functions.describe(found))
            if isinstance(found, FunctionTool)
            else _item(*found) | {"name": name}
            for name, found in usable.items()
        ]


def _function(tool: ToolDefinition) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "inputSchema": tool.parameters_json_schema}


def _who_has(
    what: str, name: str, offers: dict[ToolServer, list[str]], *, otherwise: ToolServer | None = None
) -> ToolServer:
    for server, names in offers.items():
        if name in names:
            return server
    if otherwise is not None:
        return otherwise
    known = [offered for names in offers.values() for offered in names]
    raise ToolRefused(f"There is no {what} {name}{nearest(name, known)}")


def _item(server: ToolServer, found: Any) -> dict[str, Any]:
    shown: dict[str, Any] = to_jsonable_python(found, by_alias=True, exclude_none=True)
    return {"server": server.name, **server.redact(shown)}
