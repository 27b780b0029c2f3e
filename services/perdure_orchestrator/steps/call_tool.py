"""The step that calls one tool of an MCP server."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.flow.steps import CALL_TOOL, ToolAnswer, ToolRequest
from perdure_orchestrator.agents.tool_servers import ToolRefused, ToolServers
from perdure_orchestrator.steps.heartbeat import beating

__all__ = ["CallTool"]


class CallTool:
    """Calls tools; every attempt of a call carries the same idempotency key."""

    def __init__(self, servers: ToolServers) -> None:
        self._servers = servers

    @activity.defn(name=CALL_TOOL)
    async def run(self, request: ToolRequest) -> ToolAnswer:
        """Find the tool among the agent's servers and call it."""
        async with beating():
            try:
                server = await self._servers.find(request.servers, request.tool)
                return await server.call(request, idempotency_key=_key())
            except ToolRefused as error:
                raise ApplicationError(str(error), type="ToolRefused", non_retryable=True) from error


def _key() -> str:
    info = activity.info()
    return f"{info.workflow_id}/{info.workflow_run_id}/{info.activity_id}"
