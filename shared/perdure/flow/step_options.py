"""How an agent's steps are scheduled: under which name, for how long, and how often they are tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.config.agents import RetrySettings
from perdure.flow.messages import OperatorRules
from perdure.flow.run import Run
from perdure.values.nearest import nearest

__all__ = ["LONGEST_TRY", "StepOptions", "rules_for_servers", "run_step", "wall_time_start", "without_time_limit"]

Answer = TypeVar("Answer", bound=BaseModel)

LONGEST_TRY: Final = timedelta(minutes=10)
"""How long one try of a step may take; a worker that died is noticed by its heartbeat, earlier."""

_HEARTBEAT: Final = timedelta(seconds=5)

_UNDOING: Final = ContextVar("undoing", default=False)


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a step is tried; what is absent is left to whom knows less of the step.

    Attributes:
        retry_policy: Temporal's.
        start_to_close_timeout: For one try.
    """

    retry_policy: RetryPolicy | None = None
    start_to_close_timeout: timedelta | None = None

    def with_defaults(self, other: "StepOptions") -> "StepOptions":
        """Fill with another's what is absent here."""
        return StepOptions(
            self.retry_policy or other.retry_policy, self.start_to_close_timeout or other.start_to_close_timeout
        )


@contextmanager
def without_time_limit() -> Iterator[None]:
    """Lift the limit of time for a block: what was done must be undone however late it is."""
    token = _UNDOING.set(True)
    try:
        yield
    finally:
        _UNDOING.reset(token)


def wall_time_start() -> datetime | None:
    """Return from when on the wall time of the run is limited; nothing while it undoes."""
    return None if _UNDOING.get() else Run.current().began_at


async def rules_for_servers(servers: tuple[str, ...]) -> OperatorRules:
    """Return the operator's rules.

    Raises:
        ApplicationError: One of these servers is not configured; the sentence names the nearest.
    """
    rules = await Run.current().rules()
    for name in servers:
        if name not in rules.servers:
            message = f"No MCP server is called {name}{nearest(name, rules.servers)}"
            raise ApplicationError(message, type="UnknownServer", non_retryable=True)
    return rules


async def run_step(  # noqa: PLR0913 (what a step consists of)
    step: str,
    request: BaseModel,
    answer: type[Answer],
    *,
    agent: str,
    does: str,
    trying: StepOptions,
    kind: Literal["requests", "calls"],
) -> Answer:
    """Run one durable step of an agent.

    Args:
        step: The activity.
        request: What goes in.
        answer: What comes out.
        agent: Whose step it is.
        does: What people read behind the agent's name.
        trying: What the author said of it; the rules' policy is the last resort.
        kind: Which of the rules' policies applies.
    """
    rules = await Run.current().rules()
    asked = rules.agents.get(agent) or (rules.requests if kind == "requests" else rules.calls)
    found: Answer = await workflow.execute_activity(
        step,
        request,
        result_type=answer,
        summary=f"{agent}: {does}",
        start_to_close_timeout=trying.start_to_close_timeout or LONGEST_TRY,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=trying.retry_policy or _policy(asked),
    )
    return found


def _policy(settings: RetrySettings | None) -> RetryPolicy | None:
    if settings is None:
        return None
    return RetryPolicy(
        initial_interval=settings.initial_interval,
        backoff_coefficient=settings.backoff_coefficient,
        maximum_interval=settings.maximum_interval,
        maximum_attempts=settings.maximum_attempts,
    )
