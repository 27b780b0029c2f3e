"""What an operator says of agents in ``perdure.yaml``: which tools they have, how much a run may use, how to retry."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from perdure.values.duration import Duration

__all__ = ["AgentSettings", "LimitSettings", "RetrySettings"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySettings(_Section):
    """How Temporal tries a step again; the names are Temporal's own.

    Attributes:
        maximum_attempts: Tries in all; 0 means as many as it takes.
    """

    initial_interval: Duration = Field(default="1s", validate_default=True)
    backoff_coefficient: Annotated[float, Field(ge=1)] = 2.0
    maximum_interval: Duration = Field(default="100s", validate_default=True)
    maximum_attempts: NonNegativeInt = 0


class AgentSettings(_Section):
    """One agent, by the name that its workflow gives it.

    Attributes:
        allow_tools: Patterns (``read_*``) of the tools that it may use; by default all that its servers offer.
        deny_tools: Patterns of tools that it may not use, whatever else is said.
        requires_approval: Patterns of tools that somebody must approve before each call.
        retry: Of its requests and calls; what the workflow's author says goes before it.
    """

    allow_tools: tuple[str, ...] = ("*",)
    deny_tools: tuple[str, ...] = ()
    requires_approval: tuple[str, ...] = ()
    retry: RetrySettings | None = None


class LimitSettings(_Section):
    """What one run may use; a step that would begin beyond it fails the run for good, with a sentence.

    Attributes:
        requests: Requests to models.
        tokens: Tokens in and out; requests under way may still take more.
        cost_usd: By list prices; requests under way may still cost more, and those without a known price count nothing.
        wall_time: Since the run began. No agent's step begins after it; a route's ``run_timeout`` ends the run itself.
    """

    requests: PositiveInt | None = None
    tokens: PositiveInt | None = None
    cost_usd: Decimal | NonNegativeFloat | None = None
    wall_time: Duration | None = None
