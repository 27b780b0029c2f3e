"""The step that puts one request to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.flow.steps import ASK_MODEL, ModelAnswer, ModelRequest, ToolRequest
from perdure_orchestrator.agents.models import Models, UnknownModel
from perdure_orchestrator.agents.tool_servers import ToolRefused, ToolServers
from perdure_orchestrator.steps.heartbeat import beating

if TYPE_CHECKING:
    from mcp.types import Tool
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters

__all__ = ["AskModel"]

_OUTPUT_TOOL: Final = "final_result"
_PERMANENT: Final = range(400, 500)
_PASSING: Final = {408, 409, 425, 429}  # of the HTTP errors that are the client's, those that pass by themselves


class AskModel:
    """Asks models."""

    def __init__(self, models: Models, servers: ToolServers) -> None:
        self._models = models
        self._servers = servers

    @activity.defn(name=ASK_MODEL)
    async def run(self, request: ModelRequest) -> ModelAnswer:
        """Put the conversation so far, and what is new, to the model."""
        async with beating():
            try:
                return await self._ask(request)
            except (ToolRefused, UnknownModel) as error:
                raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error

    async def _ask(self, request: ModelRequest) -> ModelAnswer:
        from pydantic_ai.direct import model_request  # noqa: PLC0415 (a slow import: only workers that ask models pay)
        from pydantic_ai.exceptions import ModelHTTPError  # noqa: PLC0415 (likewise)
        from pydantic_ai.messages import ModelMessagesTypeAdapter  # noqa: PLC0415 (likewise)
        from pydantic_ai.models.instrumented import InstrumentationSettings  # noqa: PLC0415 (likewise)

        model = self._models.named(request.model)
        tools = [tool for offered in (await self._servers.offers(request.servers)).values() for tool in offered]
        asked = _asked(request)
        before = ModelMessagesTypeAdapter.validate_python(request.conversation)
        try:
            response = await model_request(
                model,
                [*before, asked],
                model_request_parameters=_parameters(request, tools),
                instrument=InstrumentationSettings(include_content=False),
            )
        except ModelHTTPError as error:
            if error.status_code in _PERMANENT and error.status_code not in _PASSING:
                raise ApplicationError(str(error), type="ModelRefused", non_retryable=True) from error
            raise
        said = ModelMessagesTypeAdapter.dump_python([asked, response], mode="json")
        return _answer(request, response, said)


def _asked(request: ModelRequest) -> ModelMessage:
    from pydantic_ai import messages  # noqa: PLC0415 (likewise)

    parts: list[Any] = [
        messages.ToolReturnPart(tool_name=answer.tool, content=answer.text, tool_call_id=answer.call_id)
        for answer in request.tool_answers
    ]
    if request.prompt is not None:
        parts.append(messages.UserPromptPart(request.prompt))
    return messages.ModelRequest(parts, instructions=request.instruction or None)


def _parameters(request: ModelRequest, tools: list[Tool]) -> ModelRequestParameters:
    from pydantic_ai.models import ModelRequestParameters  # noqa: PLC0415 (likewise)
    from pydantic_ai.tools import ToolDefinition  # noqa: PLC0415 (likewise)

    functions = [
        ToolDefinition(name=tool.name, parameters_json_schema=tool.input_schema, description=tool.description)
        for tool in tools
    ]
    if request.output_schema is None:
        return ModelRequestParameters(function_tools=functions)
    output = ToolDefinition(
        name=_OUTPUT_TOOL,
        parameters_json_schema=request.output_schema,
        description="The final answer, in this shape.",
        kind="output",
    )
    return ModelRequestParameters(
        function_tools=functions, output_mode="tool", output_tools=[output], allow_text_output=False
    )


def _answer(request: ModelRequest, response: ModelResponse, said: list[dict[str, Any]]) -> ModelAnswer:
    output = next((call.args_as_dict() for call in response.tool_calls if call.tool_name == _OUTPUT_TOOL), None)
    return ModelAnswer(
        said=tuple(said),
        text=response.text or "",
        tool_requests=()
        if output is not None
        else tuple(
            ToolRequest(
                servers=request.servers, tool=call.tool_name, arguments=call.args_as_dict(), call_id=call.tool_call_id
            )
            for call in response.tool_calls
        ),
        output=output,
        model=response.model_name or request.model or "",
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
    )
