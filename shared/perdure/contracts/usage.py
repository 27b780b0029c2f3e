"""What the models that a run asked have used up."""

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt

__all__ = ["RunUsage", "Usage"]


class Usage(BaseModel):
    """What some requests to models used; sums are exact in whatever order they are made.

    Attributes:
        requests: Requests that were answered.
        input_tokens: Tokens that went in, cached ones included, as the providers count them.
        output_tokens: Tokens that came out.
        cost_usd: What the priced requests cost, by the list prices that genai-prices knows; absent when none is priced.
        unpriced_requests: How many requests went to models of which no price is known.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    requests: NonNegativeInt = 0
    input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    cost_usd: Decimal | None = None
    unpriced_requests: NonNegativeInt = 0

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        known = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=sum(known, Decimal()) if known else None,
            unpriced_requests=self.unpriced_requests + other.unpriced_requests,
        )


class RunUsage(BaseModel):
    """What a run, or one step of it, used: in all, by agent and by model.

    Attributes:
        tool_calls: Calls of tools that were answered.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    total: Usage = Usage()
    tool_calls: NonNegativeInt = 0
    agents: dict[str, Usage] = {}
    models: dict[str, Usage] = {}

    @classmethod
    def of_request(cls, agent: str, model: str, usage: Usage) -> Self:
        """One answered request of an agent to a model."""
        return cls(total=usage, agents={agent: usage}, models={model: usage})

    def __add__(self, other: "RunUsage") -> "RunUsage":
        return RunUsage(
            total=self.total + other.total,
            tool_calls=self.tool_calls + other.tool_calls,
            agents=_sums(self.agents, other.agents),
            models=_sums(self.models, other.models),
        )

    def __bool__(self) -> bool:
        return bool(self.total.requests or self.tool_calls)


def _sums(one: dict[str, Usage], other: dict[str, Usage]) -> dict[str, Usage]:
    return {name: one.get(name, Usage()) + other.get(name, Usage()) for name in sorted({*one, *other})}
