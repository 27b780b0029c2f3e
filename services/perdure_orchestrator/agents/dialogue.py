"""A run's request in pydantic-ai's words, and a model's answer in the run's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from perdure.contracts import RunUsage, Usage
from perdure.flow import messages as exchange

if TYPE_CHECKING:
    from perdure.flow.messages import ToolResult

__all__ = ["model_result", "parameters", "request_message"]

_OUTPUT_TOOL: Final = "final_result"
_TAKEN: Final = "The answer was read."
_UNANSWERED: Final = "Error: the call was given up, there is no result."


def request_message(
    request: exchange.ModelRequest, before: Sequence[ModelMessage], answers: Sequence[ToolResult]
) -> ModelRequest:
    """Return what is new; each call of the last response has a result, for providers refuse a conversation without."""
    returns = [_return(answer) for answer in answers]
    known = {answer.tool_call_id for answer in returns}
    last = before[-1] if before else None
    calls = last.tool_calls if isinstance(last, ModelResponse) else []
    parts: list[ModelRequestPart] = [*returns, *(_closed(call) for call in calls if call.tool_call_id not in known)]
    if request.prompt is not None:
        parts.append(UserPromptPart(request.prompt))
    return ModelRequest(parts, instructions=request.instruction or None)


def parameters(request: exchange.ModelRequest, tools: Iterable[ToolDefinition]) -> ModelRequestParameters:
    """Return what the model may use, and the shape in which it is to answer."""
    if request.output_schema is None:
        return ModelRequestParameters(function_tools=[*tools])
    output = ToolDefinition(
        name=_OUTPUT_TOOL,
        parameters_json_schema=request.output_schema,
        description="The final answer, in this shape.",
        kind="output",
    )
    return ModelRequestParameters(
        function_tools=[*tools], output_mode="tool", output_tools=[output], allow_text_output=False
    )


def model_result(request: exchange.ModelRequest, response: ModelResponse) -> exchange.ModelResult:
    """Return what the model gave."""
    output = next((call for call in response.tool_calls if call.tool_name == _OUTPUT_TOOL), None)
    wishes = () if output else tuple(map(_wish, response.tool_calls))
    model = response.model_name or request.model or ""
    return exchange.ModelResult(
        text=response.text or "",
        tool_calls=wishes,
        output=None if output is None else _arguments(output),
        model=model,
        usage=RunUsage.of_request(request.agent, model, _usage(response)),
    )


def _return(answer: ToolResult) -> ToolReturnPart:
    text = f"Error: {answer.text}" if answer.is_error else answer.text
    return ToolReturnPart(answer.tool, text, answer.call_id)


def _closed(call: ToolCallPart) -> ToolReturnPart:
    """Close a call that nobody answers: it was the answer itself, or the run went on without it."""
    return ToolReturnPart(call.tool_name, _TAKEN if call.tool_name == _OUTPUT_TOOL else _UNANSWERED, call.tool_call_id)


def _wish(call: ToolCallPart) -> exchange.ToolCall:
    return exchange.ToolCall(tool=call.tool_name, arguments=_arguments(call), call_id=call.tool_call_id)


def _arguments(call: ToolCallPart) -> dict[str, Any] | None:
    try:
        return call.args_as_dict(raise_if_invalid=True)
    except (AssertionError, ValueError):
        return None


def _usage(response: ModelResponse) -> Usage:
    used, cost = response.usage, _cost(response)
    return Usage(
        requests=1,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=cost,
        unpriced_requests=int(cost is None),
    )


def _cost(response: ModelResponse) -> Decimal | None:
    """Return what a gateway charged, else the list price, if one is known."""
    if response.usage.cost is not None:
        return response.usage.cost
    try:
        return response.cost().total_price
    except (AssertionError, LookupError, ValueError):  # no name of a model, no price, no count of tokens
        return None
