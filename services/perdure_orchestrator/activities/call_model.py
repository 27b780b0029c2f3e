"""The activity that sends one request to a model."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.config.agents import LimitSettings
from perdure.errors import Unavailable
from perdure.flow.messages import CALL_MODEL, FunctionTool, ModelRequest, ModelResult
from perdure_orchestrator.activities.heartbeat import heartbeating, keep_details, kept_details
from perdure_orchestrator.activities.step_notes import publish_note
from perdure_orchestrator.agents.context_errors import CONTEXT_TOO_LONG, does_not_fit
from perdure_orchestrator.agents.conversations import Conversations, too_long
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions
from perdure_orchestrator.agents.model_requests import ModelContent, ModelRequests
from perdure_orchestrator.agents.model_tools import ModelTools
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.server_errors import SERVER_REFUSED
from perdure_orchestrator.agents.stored_results import load_result
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import Offers, ToolServers
from perdure_orchestrator.agents.usable_tools import usable_tools
from perdure_orchestrator.limits import refuse_beyond

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.tools import ToolDefinition

__all__ = ["CallModel"]

_WAITS_FOR_SERVERS: Final = 2  # attempts that fail for it; then an agent does without the servers that are not there

_log = logging.getLogger(__name__)


class CallModel:
    """Calls models."""

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        requests: ModelRequests,
        servers: ToolServers,
        functions: Functions,
        *,
        permissions: ToolPermissions,
        conversations: Conversations,
        limits: LimitSettings,
        tool_result_bytes: int,
    ) -> None:
        self._requests = requests
        self._servers = servers
        self._functions = functions
        self._permissions = permissions
        self._conversations = conversations
        self._limits = limits
        self._tool_result_bytes = tool_result_bytes

    @activity.defn(name=CALL_MODEL)
    async def run(self, request: ModelRequest) -> ModelResult:
        """Send the conversation so far, with what is new, to the model."""
        refuse_beyond(self._limits, began_at=request.began_at, number=request.number, spent=request.spent)
        async with heartbeating():
            try:
                return await self._call(request)
            except (FunctionRefused, ToolRefused) as error:
                raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error

    async def _call(self, request: ModelRequest) -> ModelResult:
        from pydantic_ai.messages import ModelMessagesTypeAdapter  # noqa: PLC0415 (a slow import)

        from perdure_orchestrator.agents import model_messages  # noqa: PLC0415 (likewise)

        earlier = await self._conversations.load(request.earlier)
        before = ModelMessagesTypeAdapter.validate_python([*earlier, *request.recent])
        results = [
            await load_result(result, self._conversations, self._tool_result_bytes) for result in request.tool_results
        ]
        message = model_messages.request_message(request, before, results)
        tools = ModelTools(await self._tools(request))
        content = ModelContent(
            agent=request.agent,
            step=_step(),
            messages=(*before, message),
            parameters=model_messages.parameters(request, tools.definitions),
            settings=request.model_settings,
            allow_partial=request.allow_partial,
            publish_note=publish_note,
        )
        sent, response = await self._response(request, content)
        result = model_messages.model_result(request, response, tools.own_name)
        if sent is not content:
            whole = ModelMessagesTypeAdapter.dump_python([*sent.messages, response], mode="json")
            return result.model_copy(update={"earlier": await self._conversations.store(None, whole)})
        new = ModelMessagesTypeAdapter.dump_python([message, response], mode="json")
        recent = [*request.recent, *new]
        if too_long(recent):
            return result.model_copy(update={"earlier": await self._conversations.store(request.earlier, recent)})
        return result.model_copy(update={"messages": tuple(new)})

    async def _response(self, request: ModelRequest, content: ModelContent) -> tuple[ModelContent, ModelResponse]:
        """Return an answer, and what was sent for it: if that is too long for the model, a shorter version."""
        from perdure_orchestrator.agents.compaction import compactions  # noqa: PLC0415 (a slow import)

        try:
            return content, await self._answer(request, content)
        except ApplicationError as error:
            refused = _too_long(error)
        for shorter in compactions(content.messages):
            sent = replace(content, messages=shorter.messages)
            try:
                response = await self._answer(request, sent)
            except ApplicationError as error:
                refused = _too_long(error)
            else:
                await publish_note(shorter.note(request.agent, len(content.messages)))
                return sent, response
        raise does_not_fit(request.agent, refused)

    async def _answer(self, request: ModelRequest, content: ModelContent) -> ModelResponse:
        answer = await self._requests.answer(request.model, content)
        if answer.note is not None:
            await publish_note(answer.note)
        return answer.response

    async def _tools(self, request: ModelRequest) -> list[ToolDefinition]:
        """Describe the tools that the agent may use."""
        from pydantic_ai.tools import ToolDefinition  # noqa: PLC0415 (likewise)

        usable = usable_tools(request.agent, request.functions, await self._offers(request), self._permissions)
        return [
            self._functions.describe(found)
            if isinstance(found, FunctionTool)
            else ToolDefinition(
                name=name, parameters_json_schema=found[1].input_schema, description=found[1].description
            )
            for name, found in usable.items()
        ]

    async def _offers(self, request: ModelRequest) -> Offers:
        """Return what the agent's servers offer; after some attempts without those that fail, which a note says."""
        offers = await self._servers.offers(request.servers)
        begins = request.earlier is None and not request.recent
        for server in self._servers.named(request.servers):
            if begins and server.lists_without_end:  # once for an agent in a run
                taken = len({tool.name for tool in server.last_list or ()})
                await self._note(f"{server.name} lists its tools without an end: {taken} are taken")
        failure = offers.failure()
        if failure is None:
            return offers
        if len(offers.failed) == len(set(request.servers)):
            raise failure
        if others := [error for error in offers.failed.values() if not _passes_by(error)]:
            raise others[0]
        if (waited := next(iter(kept_details()), 0)) < _WAITS_FOR_SERVERS:
            keep_details(waited + 1)
            raise Unavailable(_reason(failure)) from None  # also a refusal: the operator may mend it meanwhile
        names, reasons = ", ".join(offers.failed), "; ".join(map(_reason, offers.failed.values()))
        await self._note(f"{request.agent} goes on without the tools of {names}: {reasons}")
        return offers

    async def _note(self, text: str) -> None:
        _log.warning("%s", text)
        await publish_note(text)


def _step() -> str:
    """Return what names the step for as long as it is retried."""
    info = activity.info()
    return f"{info.workflow_id}/{info.workflow_run_id}/{info.activity_id}"


def _too_long(error: ApplicationError) -> ApplicationError:
    """Return the error of a model that cannot read so much; raise any other."""
    if error.type != CONTEXT_TOO_LONG:
        raise error
    return error


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, ApplicationError) else str(error)


def _passes_by(error: Exception) -> bool:
    """Return whether an agent with other servers goes on without one that fails so."""
    return isinstance(error, Unavailable) or (isinstance(error, ApplicationError) and error.type == SERVER_REFUSED)
