"""Model usage of a run: requests, tokens and cost."""

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt

__all__ = ["RunUsage", "Usage"]


class Usage(BaseModel):
    """Usage of some model requests; sums are exact in any order.

    Attributes:
        requests: Completed requests.
        input_tokens: Input tokens, cached ones included, as the providers count them.
        output_tokens: Output tokens.
        cost_usd: US dollars for the priced requests, by the list prices of genai-prices; absent if none is priced.
        unpriced_requests: Requests to models without a known price.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    requests: NonNegativeInt = 0
    input_tokens: NonNegativeInt = 0
    output_tokens: NonNegativeInt = 0
    cost_usd: Decimal | None = None
    unpriced_requests: NonNegativeInt = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens."""
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
    """Usage of a run or of one step: in all, by agent and by model.

    Attributes:
        total: Usage of all model requests.
        tool_calls: Completed tool calls.
        agents: Usage by the agent's name.
        models: Usage by the model's name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    total: Usage = Usage()
    tool_calls: NonNegativeInt = 0
    agents: dict[str, Usage] = {}
    models: dict[str, Usage] = {}

    @classmethod
    def of_request(cls, agent: str, model: str, usage: Usage) -> Self:
        """Return the usage of one completed model request of an agent."""
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
