"""The activity that calls one Python function of the workflow's author."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.config.agents import LimitSettings
from perdure.flow.messages import CALL_FUNCTION, FunctionCall, ToolResult
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions
from perdure_orchestrator.agents.permissions import NotAllowed, ToolPermissions
from perdure_orchestrator.agents.stored_results import store_result
from perdure_orchestrator.limits import refuse_beyond

__all__ = ["CallFunction"]


class CallFunction:
    """Calls Python functions as tools."""

    def __init__(
        self, functions: Functions, permissions: ToolPermissions, conversations: Conversations, limits: LimitSettings
    ) -> None:
        self._functions = functions
        self._permissions = permissions
        self._conversations = conversations
        self._limits = limits

    @activity.defn(name=CALL_FUNCTION)
    async def run(self, call: FunctionCall) -> ToolResult:
        """Call the function; a model's call that does not fit is answered with the error."""
        refuse_beyond(self._limits, began_at=call.began_at)
        async with heartbeating():
            try:
                answer = await self._call(call)
            except (FunctionRefused, NotAllowed) as error:
                if call.call_id:
                    return ToolResult(tool=call.function.name, call_id=call.call_id, text=str(error), is_error=True)
                raise ApplicationError(str(error), type="ToolRefused", non_retryable=True) from error
            return await store_result(answer, self._conversations)

    async def _call(self, call: FunctionCall) -> ToolResult:
        name = call.function.name
        self._permissions.check(call.agent, name)
        execute = self._functions.prepare(call)
        if call.approved_by is None and self._permissions.needs_approval(call.agent, name):
            return ToolResult(tool=name, call_id=call.call_id, needs_approval=True)
        return await execute()
