"""The activity that sends one request to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.config.agents import LimitSettings
from perdure.flow.messages import CALL_MODEL, ModelRequest, ModelResult, ToolResult
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.agents.conversations import Conversations, too_long
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions
from perdure_orchestrator.agents.model_port import ModelPort
from perdure_orchestrator.agents.models import UnknownModel
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_servers import ToolRefused, ToolServers
from perdure_orchestrator.limits import refuse_beyond

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

__all__ = ["CallModel"]


class CallModel:
    """Calls models."""

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        models: ModelPort,
        servers: ToolServers,
        functions: Functions,
        *,
        permissions: ToolPermissions,
        conversations: Conversations,
        limits: LimitSettings,
    ) -> None:
        self._models = models
        self._servers = servers
        self._functions = functions
        self._permissions = permissions
        self._conversations = conversations
        self._limits = limits

    @activity.defn(name=CALL_MODEL)
    async def run(self, request: ModelRequest) -> ModelResult:
        """Send the conversation so far, with what is new, to the model."""
        refuse_beyond(self._limits, began_at=request.began_at, number=request.number, spent=request.spent)
        async with heartbeating():
            try:
                return await self._call(request)
            except (FunctionRefused, ToolRefused, UnknownModel) as error:
                raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error

    async def _call(self, request: ModelRequest) -> ModelResult:
        from pydantic_ai.messages import ModelMessagesTypeAdapter  # noqa: PLC0415 (a slow import)

        from perdure_orchestrator.agents import model_messages  # noqa: PLC0415 (likewise)

        earlier = await self._conversations.load(request.earlier)
        before = ModelMessagesTypeAdapter.validate_python([*earlier, *request.recent])
        message = model_messages.request_message(request, before, await self._texts(request.tool_results))
        response = await self._response(request, [*before, message])
        new = ModelMessagesTypeAdapter.dump_python([message, response], mode="json")
        result = model_messages.model_result(request, response)
        recent = [*request.recent, *new]
        if too_long(recent):
            return result.model_copy(update={"earlier": await self._conversations.store(request.earlier, recent)})
        return result.model_copy(update={"messages": tuple(new)})

    async def _response(self, request: ModelRequest, messages: list[ModelMessage]) -> ModelResponse:
        from pydantic_ai.direct import model_request  # noqa: PLC0415 (a slow import: only workers that call models pay)
        from pydantic_ai.models.instrumented import InstrumentationSettings  # noqa: PLC0415 (likewise)

        from perdure_orchestrator.agents.model_errors import content_filter_error, to_application_error  # noqa: PLC0415 (likewise)
        from perdure_orchestrator.agents.model_messages import parameters  # noqa: PLC0415 (likewise)

        model = self._models.named(request.model)
        usable = parameters(request, await self._tools(request))
        try:
            response = await model_request(
                model,
                messages,
                model_settings=cast("ModelSettings", {**self._models.settings(), **request.model_settings}),
                model_request_parameters=usable,
                instrument=InstrumentationSettings(include_content=False),
            )
        except Exception as error:  # noqa: BLE001 (an SDK may raise anything; it is translated)
            text = self._models.redact(f"{type(error).__name__}: {error}")
            raise to_application_error(
                error, text, model.model_id
            ) from None  # the cause would be recorded, with all keys
        if refused := content_filter_error(response):
            raise refused
        return response

    async def _tools(self, request: ModelRequest) -> list[ToolDefinition]:
        """Describe the tools that the agent may use; a function takes precedence over a server's tool of its name."""
        from pydantic_ai.tools import ToolDefinition  # noqa: PLC0415 (likewise)

        tools = {function.name: self._functions.describe(function) for function in request.functions}
        for name, (_, tool) in (await self._servers.tools_by_name(request.servers)).items():
            described = ToolDefinition(
                name=name, parameters_json_schema=tool.input_schema, description=tool.description
            )
            tools.setdefault(name, described)
        return [tool for name, tool in tools.items() if self._permissions.allows(request.agent, name)]

    async def _texts(self, answers: tuple[ToolResult, ...]) -> list[ToolResult]:
        """Load the texts that were too long for the run's history."""
        return [
            answer
            if answer.stored_as is None
            else answer.model_copy(update={"text": await self._conversations.load_text(answer.stored_as)})
            for answer in answers
        ]
