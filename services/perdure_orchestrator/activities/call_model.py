"""The activity that sends one request to a model."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.config.agents import LimitSettings
from perdure.errors import Unavailable
from perdure.flow.messages import CALL_MODEL, FunctionTool, ModelRequest, ModelResult
from perdure_orchestrator.activities.heartbeat import heartbeating
from perdure_orchestrator.activities.step_notes import note_publisher
from perdure_orchestrator.agents.conversations import Conversations, too_long
from perdure_orchestrator.agents.function_runner import FunctionRefused, Functions
from perdure_orchestrator.agents.model_port import ModelPort
from perdure_orchestrator.agents.model_tools import ModelTools
from perdure_orchestrator.agents.models import UnknownModel
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.refused_files import RefusedFiles
from perdure_orchestrator.agents.server_errors import SERVER_REFUSED
from perdure_orchestrator.agents.stored_results import load_result
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import Offers, ToolServers
from perdure_orchestrator.agents.usable_tools import usable_tools
from perdure_orchestrator.limits import refuse_beyond

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

__all__ = ["CallModel"]

_WAITS_FOR_SERVERS: Final = 3  # attempts; then an agent does without the servers that are not there

_log = logging.getLogger(__name__)


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
        tool_result_bytes: int,
    ) -> None:
        self._models = models
        self._servers = servers
        self._functions = functions
        self._permissions = permissions
        self._conversations = conversations
        self._limits = limits
        self._tool_result_bytes = tool_result_bytes
        self._refused_files = RefusedFiles()

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
        results = [
            await load_result(result, self._conversations, self._tool_result_bytes) for result in request.tool_results
        ]
        message = model_messages.request_message(request, before, results)
        tools = ModelTools(await self._tools(request))
        response = await self._response(request, tools, [*before, message])
        new = ModelMessagesTypeAdapter.dump_python([message, response], mode="json")
        result = model_messages.model_result(request, response, tools.own_name)
        recent = [*request.recent, *new]
        if too_long(recent):
            return result.model_copy(update={"earlier": await self._conversations.store(request.earlier, recent)})
        return result.model_copy(update={"messages": tuple(new)})

    async def _response(self, request: ModelRequest, tools: ModelTools, messages: list[ModelMessage]) -> ModelResponse:
        """Return the model's answer; if it is empty, that to the same request once more, up to three times in all."""
        from perdure_orchestrator.agents import model_answers  # noqa: PLC0415 (likewise)

        number = 1
        while True:
            response = await self._response_or_error(request, tools, messages)
            refused = model_answers.answer_error(response, allow_partial=request.allow_partial)
            if refused is None:
                return response
            if refused.type != model_answers.EMPTY_ANSWER or number == model_answers.MOST_EMPTY:
                raise refused
            number += 1

    async def _response_or_error(
        self, request: ModelRequest, tools: ModelTools, messages: list[ModelMessage]
    ) -> ModelResponse:
        from perdure_orchestrator.agents.model_errors import to_application_error  # noqa: PLC0415 (likewise)

        try:
            return await self._send(request, tools, messages)
        except Exception as error:  # noqa: BLE001 (an SDK may raise anything; it is translated)
            text = self._models.redact(f"{type(error).__name__}: {error}")
            translated = to_application_error(error, text, self._models.named(request.model).model_id)
            raise translated from None  # the cause would be recorded, with all keys

    async def _send(self, request: ModelRequest, tools: ModelTools, messages: list[ModelMessage]) -> ModelResponse:
        """Send a request; once more if the provider refuses a key that has been replaced since it was read."""
        from pydantic_ai.direct import model_request  # noqa: PLC0415 (a slow import: only workers that call models pay)
        from pydantic_ai.exceptions import ModelAuthenticationError  # noqa: PLC0415 (likewise)
        from pydantic_ai.models.instrumented import InstrumentationSettings  # noqa: PLC0415 (likewise)

        from perdure_orchestrator.agents.model_files import ModelFiles  # noqa: PLC0415 (likewise)
        from perdure_orchestrator.agents.model_messages import parameters  # noqa: PLC0415 (likewise)

        async def attempt(model: Model) -> ModelResponse:
            files = ModelFiles(self._conversations, self._refused_files, model)
            return await files.send(messages, partial(send_to, model), note_publisher())

        async def send_to(model: Model, messages: list[ModelMessage]) -> ModelResponse:
            return await model_request(
                model,
                messages,
                model_settings=cast("ModelSettings", {**self._models.settings(), **request.model_settings}),
                model_request_parameters=parameters(request, tools.definitions),
                instrument=InstrumentationSettings(include_content=False),
            )

        model = self._models.named(request.model)
        try:
            return await attempt(model)
        except ModelAuthenticationError:
            if not await self._models.was_replaced(request.model, model):
                raise
        return await attempt(self._models.named(request.model))

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
        if activity.info().attempt < _WAITS_FOR_SERVERS:
            raise Unavailable(_reason(failure)) from None  # also a refusal: the operator may mend it meanwhile
        names, reasons = ", ".join(offers.failed), "; ".join(map(_reason, offers.failed.values()))
        await self._note(f"{request.agent} goes on without the tools of {names}: {reasons}")
        return offers

    async def _note(self, text: str) -> None:
        _log.warning("%s", text)
        if publish_note := note_publisher():
            await publish_note(text)


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, ApplicationError) else str(error)


def _passes_by(error: Exception) -> bool:
    """Return whether an agent with other servers goes on without one that fails so."""
    return isinstance(error, Unavailable) or (isinstance(error, ApplicationError) and error.type == SERVER_REFUSED)
