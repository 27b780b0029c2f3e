"""How the steps of an agent are scheduled: name, timeouts and retries."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as StepTimeout

from perdure.config.agents import RetrySettings
from perdure.flow.messages import ToolRequest
from perdure.flow.operator_rules import OperatorRules
from perdure.flow.run import Run
from perdure.flow.saga_step import cancellation_type, end_if_cancelled, is_undoing, retry_policy
from perdure.values.nearest import nearest

__all__ = ["LONGEST_TRY", "StepOptions", "rules_for_servers", "run_step", "wall_time_start"]

Answer = TypeVar("Answer", bound=BaseModel)

LONGEST_TRY: Final = timedelta(minutes=10)
"""For one attempt of a step, unless the operator lets a server or model take longer.

A worker that died is noticed earlier, by its missing heartbeat.
"""

_TAKEN_WITHIN: Final = timedelta(seconds=20)  # a worker that lives takes a step of its own queue at once
_HEARTBEAT: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class StepOptions:
    """Timeout and retries of a step; absent values are filled from defaults.

    Attributes:
        retry_policy: Of the activity.
        start_to_close_timeout: For one attempt.
    """

    retry_policy: RetryPolicy | None = None
    start_to_close_timeout: timedelta | None = None

    def with_defaults(self, other: "StepOptions") -> "StepOptions":
        """Return these options, completed with others where absent."""
        return StepOptions(
            self.retry_policy or other.retry_policy, self.start_to_close_timeout or other.start_to_close_timeout
        )


def wall_time_start() -> datetime | None:
    """Return when the wall time of the run began; None while it undoes: an undo must run however late it is."""
    return None if is_undoing() else Run.current().began_at


async def rules_for_servers(servers: tuple[str, ...]) -> OperatorRules:
    """Return the operator's rules.

    Raises:
        ApplicationError: A server is not configured; the message names the nearest one.
    """
    rules = await Run.current().rules()
    for name in servers:
        if name not in rules.servers:
            message = f"No MCP server is called {name}{nearest(name, rules.servers)}"
            raise ApplicationError(message, type="UnknownServer", non_retryable=True)
    return rules


async def run_step(  # noqa: PLR0913 (the parts of a step)
    step: str,
    request: BaseModel,
    answer: type[Answer],
    *,
    agent: str,
    does: str,
    options: StepOptions,
    kind: Literal["requests", "calls"],
    first_queue: str | None = None,
) -> Answer:
    """Run one durable step of an agent.

    Args:
        step: The name of the activity.
        request: Its input.
        answer: The type of its result.
        agent: The agent that schedules it.
        does: Shown behind the agent's name.
        options: The author's timeout and retries; the operator's rules come last.
        kind: Which of the operator's retry policies applies.
        first_queue: The task queue of one worker, which should run it; if that takes nothing any more, any worker does.

    Raises:
        asyncio.CancelledError: It was cancelled, or the saga's step that it is part of.
    """
    end_if_cancelled()
    rules = await Run.current().rules()
    retry = rules.agents.get(agent) or (rules.requests if kind == "requests" else rules.calls)
    execute = partial(
        workflow.execute_activity,
        step,
        result_type=answer,
        summary=f"{agent}: {does}",
        start_to_close_timeout=options.start_to_close_timeout or rules.longest_try or LONGEST_TRY,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=retry_policy(options.retry_policy or _policy(retry)),
        cancellation_type=cancellation_type(),
    )
    found: Answer = await (execute(request) if first_queue is None else _on_either(execute, request, first_queue))
    if kind == "requests" or getattr(found, "needs_approval", False):
        end_if_cancelled()  # a call that took effect has a result, which its undo may need
    return found


async def _on_either(execute: Callable[..., Awaitable[Answer]], request: BaseModel, first_queue: str) -> Answer:
    """Execute a step on a worker's own queue, or on that of the run if the worker has ended."""
    try:
        return await execute(request, task_queue=first_queue, schedule_to_start_timeout=_TAKEN_WITHIN)
    except ActivityError as error:
        if not (isinstance(error.cause, StepTimeout) and error.cause.type is TimeoutType.SCHEDULE_TO_START):
            raise
        if isinstance(request, ToolRequest):  # an earlier attempt may have had its effect: the key stays
            request = request.model_copy(update={"first_activity_id": error.activity_id})
    end_if_cancelled()
    return await execute(request)


def _policy(settings: RetrySettings | None) -> RetryPolicy | None:
    if settings is None:
        return None
    return RetryPolicy(
        initial_interval=settings.initial_interval,
        backoff_coefficient=settings.backoff_coefficient,
        maximum_interval=settings.maximum_interval,
        maximum_attempts=settings.maximum_attempts,
    )
