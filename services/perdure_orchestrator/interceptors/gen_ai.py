"""Span attributes of agents, models and tools, by OpenTelemetry's semantic conventions for generative AI."""

from collections.abc import Sequence
from typing import Any

from perdure.contracts import RunUsage
from perdure.flow.messages import FunctionCall, ModelRequest, ToolRequest

__all__ = ["of_step", "of_usage"]


def of_step(args: Sequence[Any]) -> dict[str, str]:
    """Return the attributes of an agent's step; the inner span of a model request has the rest."""
    match args:
        case [ModelRequest(agent=agent)]:
            return {"gen_ai.agent.name": agent}
        case [ToolRequest(agent=agent, tool=tool, call_id=call)]:
            return _of_tool(agent, tool, call)
        case [FunctionCall(agent=agent, function=function, call_id=call)]:
            return _of_tool(agent, function.name, call)
    return {}


def of_usage(usage: RunUsage) -> dict[str, int | float]:
    """Return the attributes of a run's usage; none if it called no model."""
    total = usage.total
    if not total.requests:
        return {}
    cost = {} if total.cost_usd is None else {"operation.cost": float(total.cost_usd)}
    return {"gen_ai.usage.input_tokens": total.input_tokens, "gen_ai.usage.output_tokens": total.output_tokens, **cost}


def _of_tool(agent: str, tool: str, call_id: str) -> dict[str, str]:
    by_model = {"gen_ai.tool.call.id": call_id} if call_id else {}
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.agent.name": agent,
        "gen_ai.tool.name": tool,
        **by_model,
    }
