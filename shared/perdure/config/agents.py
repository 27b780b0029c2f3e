"""The sections ``agents:`` and ``limits:``: tools of agents, retries, and how much a run may use."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from perdure.config.section import Section
from perdure.values.duration import Duration

__all__ = ["AgentSettings", "LimitSettings", "RetrySettings"]


class RetrySettings(Section):
    """Temporal's retry policy for a step; the names are Temporal's own.

    Attributes:
        initial_interval: The wait before the second attempt.
        backoff_coefficient: Each wait is so many times as long as the one before.
        maximum_interval: No wait is longer.
        maximum_attempts: Attempts in all; 0 means no limit.
    """

    initial_interval: Duration = Field(default="1s", validate_default=True)
    backoff_coefficient: Annotated[float, Field(ge=1)] = 2.0
    maximum_interval: Duration = Field(default="100s", validate_default=True)
    maximum_attempts: NonNegativeInt = 0


class AgentSettings(Section):
    """One agent, by the name that its workflow gives it.

    Attributes:
        allow_tools: Patterns (``read_*``) of the tools that it may use; by default all that its servers offer.
        deny_tools: Patterns of tools that it may not use; they take precedence over all other settings.
        requires_approval: Patterns of tools that somebody must approve before each call.
        retry: Of its model requests and tool calls; the workflow author's policy takes precedence.
    """

    allow_tools: tuple[str, ...] = ("*",)
    deny_tools: tuple[str, ...] = ()
    requires_approval: tuple[str, ...] = ()
    retry: RetrySettings | None = None


class LimitSettings(Section):
    """How much one run may use; a step that would begin beyond a limit fails the run for good, with a reason.

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
