"""The activity that calls one tool of an MCP server."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.config.agents import LimitSettings
from perdure.flow.messages import CALL_TOOL, ToolRequest, ToolResult
from perdure.flow.server_session import HeldElsewhere
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.activities.step_notes import note_publisher
from perdure_orchestrator.activities.worker_queue import WorkerQueue
from perdure_orchestrator.agents.calling_run import CallingRun
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.permissions import NotAllowed, ToolPermissions
from perdure_orchestrator.agents.run_sessions import SessionLost
from perdure_orchestrator.agents.stored_results import store_result
from perdure_orchestrator.agents.tool_arguments import WrongArguments, bind_tool_arguments
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import AmbiguousTool, ToolServers, names_of
from perdure_orchestrator.limits import refuse_beyond

__all__ = ["CallTool"]


class CallTool:
    """Calls tools; every attempt of a call carries the same idempotency key."""

    def __init__(
        self,
        servers: ToolServers,
        permissions: ToolPermissions,
        conversations: Conversations,
        limits: LimitSettings,
        *,
        own_queue: WorkerQueue,
    ) -> None:
        self._servers = servers
        self._permissions = permissions
        self._conversations = conversations
        self._limits = limits
        self._own_queue = own_queue

    @activity.defn(name=CALL_TOOL)
    async def run(self, request: ToolRequest) -> ToolResult:
        """Call the tool; a model's call that does not fit is answered with the error."""
        refuse_beyond(self._limits, began_at=request.began_at)
        async with heartbeating():
            try:
                answer = await self._call(request)
            except SessionLost as error:
                if error.session.server in request.may_be_elsewhere:
                    first = request.first_activity_id or activity.info().activity_id
                    elsewhere = HeldElsewhere(server=error.session.server, activity_id=first)
                    return ToolResult(tool=request.tool, call_id=request.call_id, held_elsewhere=elsewhere)
                return await self._lost(request, error)
            except (NotAllowed, ToolRefused, WrongArguments) as error:
                if request.call_id:
                    return ToolResult(tool=request.tool, call_id=request.call_id, text=str(error), is_error=True)
                passes = isinstance(error, AmbiguousTool)  # a server that came up must not end open work
                kind = type(error).__name__ if passes else "ToolRefused"
                raise ApplicationError(str(error), type=kind, non_retryable=not passes) from error
            return await store_result(answer, self._conversations)

    async def _call(self, request: ToolRequest) -> ToolResult:
        server, tool = await self._servers.find(request.servers, request.tool)
        names = names_of(server, tool)
        self._permissions.check(request.agent, *names)
        arguments = bind_tool_arguments(tool.name, tool.input_schema, request.arguments, request.positional)
        needs_approval = self._permissions.needs_approval(request.agent, *names, server=server.name)
        if needs_approval and request.approved_by is None:
            return ToolResult(tool=request.tool, call_id=request.call_id, needs_approval=True, server=server.name)
        exact = request.model_copy(update={"arguments": arguments, "positional": ()})
        run = CallingRun.of_activity(request.sessions)
        result = await server.call(
            exact, tool.name, idempotency_key=_key(request), publish_note=note_publisher(), run=run
        )
        if result.session is None:
            return result
        queue = self._own_queue.name(activity.client())
        return result.model_copy(update={"session": result.session.model_copy(update={"task_queue": queue})})

    async def _lost(self, request: ToolRequest, error: SessionLost) -> ToolResult:
        """Notify program or model that its state is gone, and whoever follows the run."""
        if publish_note := note_publisher():
            await publish_note(str(error))
        return ToolResult(
            tool=request.tool, call_id=request.call_id, text=str(error), is_error=True, lost_session=error.session
        )


def _key(request: ToolRequest) -> str:
    """Return what is the same for each attempt of a call, also by another activity or after its run was reset."""
    info = activity.info()
    run_id = request.original_run_id or info.workflow_run_id
    return f"{info.workflow_id}/{run_id}/{request.first_activity_id or info.activity_id}"
