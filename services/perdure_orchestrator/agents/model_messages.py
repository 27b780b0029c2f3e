"""Translation between a run's model requests and results and pydantic-ai's messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai import messages as ai
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from perdure.contracts import RunUsage, Usage
from perdure.flow.messages import ModelResult, ToolCall
from perdure_orchestrator.agents.model_files import content_with_files

if TYPE_CHECKING:
    from perdure.flow.messages import ModelRequest, ToolResult

__all__ = ["model_result", "parameters", "request_message"]

_OUTPUT_TOOL: Final = "final_result"
_MOST_TOKENS: Final = 10**9  # in or out of one request
_OUTPUT_READ: Final = "The answer was read."
_NO_RESULT: Final = "Error: the call was given up, there is no result."


def request_message(
    request: ModelRequest, history: Sequence[ai.ModelMessage], tool_results: Sequence[ToolResult]
) -> ai.ModelRequest:
    """Return the new message of a request, with a result for each call of the last response.

    Providers refuse a conversation in which a call has no result.
    """
    last = history[-1] if history else None
    calls = last.tool_calls if isinstance(last, ai.ModelResponse) else []
    called = {call.tool_call_id: call.tool_name for call in calls}
    returns = [_tool_return(result, called.get(result.call_id, result.tool)) for result in tool_results]
    answered = {part.tool_call_id for part in returns}
    placeholders = [_placeholder_return(call) for call in calls if call.tool_call_id not in answered]
    parts: list[ai.ModelRequestPart] = [*returns, *placeholders]
    if request.prompt is not None:
        parts.append(ai.UserPromptPart(request.prompt))
    return ai.ModelRequest(parts, instructions=request.instruction or None)


def parameters(request: ModelRequest, tools: Iterable[ToolDefinition]) -> ModelRequestParameters:
    """Return the tools that the model may use, and the shape of its answer."""
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


def model_result(
    request: ModelRequest, response: ai.ModelResponse, own_name: Callable[[str], str] = str
) -> ModelResult:
    """Return a response as the result of the run's request.

    Args:
        request: What the run sent.
        response: What the provider returned.
        own_name: Returns the agent's own name of a tool that the model called.
    """
    output = next((call for call in response.tool_calls if call.tool_name == _OUTPUT_TOOL), None)
    model = response.model_name or ""
    return ModelResult(
        text=response.text or "",
        tool_calls=() if output else tuple(_tool_call(call, own_name(call.tool_name)) for call in response.tool_calls),
        output=None if output is None else _arguments(output),
        model=model,
        usage=RunUsage.of_request(request.agent, model, _usage(response)),
    )


def _tool_return(result: ToolResult, tool: str) -> ai.ToolReturnPart:
    text = f"Error: {result.text}" if result.is_error else result.text
    return ai.ToolReturnPart(tool, content_with_files(text, result.stored_files), result.call_id)


def _placeholder_return(call: ai.ToolCallPart) -> ai.ToolReturnPart:
    """Return a result for a call without one: the call was the output, or the run went on without its result."""
    text = _OUTPUT_READ if call.tool_name == _OUTPUT_TOOL else _NO_RESULT
    return ai.ToolReturnPart(call.tool_name, text, call.tool_call_id)


def _tool_call(call: ai.ToolCallPart, tool: str) -> ToolCall:
    return ToolCall(tool=tool, arguments=_arguments(call), call_id=call.tool_call_id)


def _arguments(call: ai.ToolCallPart) -> dict[str, Any] | None:
    try:
        return call.args_as_dict(raise_if_invalid=True)
    except (AssertionError, ValueError):
        return None


def _usage(response: ai.ModelResponse) -> Usage:
    used, cost = response.usage, _cost(response)
    return Usage(
        requests=1,
        input_tokens=_plausible(used.input_tokens),
        output_tokens=_plausible(used.output_tokens),
        cost_usd=cost,
        unpriced_requests=int(cost is None),
    )


def _plausible(tokens: int) -> int:
    """Return the tokens of one request; 0 for a count that no model can have used."""
    return tokens if 0 <= tokens <= _MOST_TOKENS else 0


def _cost(response: ai.ModelResponse) -> Decimal | None:
    """Return the price that a gateway charged, or else the list price; None if neither is known."""
    if response.usage.cost is not None:
        return response.usage.cost
    try:
        return response.cost().total_price
    except (AssertionError, LookupError, ValueError):  # no model name, no price or no token count
        return None
