"""Refuses activities of a run that has used up its limits."""

from datetime import UTC, datetime

from temporalio.exceptions import ApplicationError

from perdure.config.agents import LimitSettings
from perdure.contracts import Usage

__all__ = ["refuse_beyond"]


def refuse_beyond(
    limits: LimitSettings, *, began_at: datetime | None, number: int = 0, spent: Usage | None = None
) -> None:
    """Fail an activity for good when its run has reached a limit.

    Args:
        limits: Of the configuration.
        began_at: When the run began (UTC).
        number: Which request to a model this is, from 1; 0 for other activities.
        spent: What the run has used so far.

    Raises:
        ApplicationError: ``LimitReached``; the message names the limit and the usage.
    """
    spent = spent or Usage()
    if limits.requests is not None and number > limits.requests:
        _refuse("requests", f"the run makes request {number} of {limits.requests}")
    if number and limits.tokens is not None and spent.tokens >= limits.tokens:
        _refuse("tokens", f"the run has used {spent.tokens} tokens of {limits.tokens}")
    if number and limits.cost_usd is not None and (spent.cost_usd or 0) >= limits.cost_usd:
        _refuse("cost_usd", f"the run has cost {spent.cost_usd or 0} USD of {limits.cost_usd}")
    if limits.wall_time is not None and began_at is not None and datetime.now(UTC) - began_at > limits.wall_time:
        _refuse("wall_time", f"the run has lasted longer than {limits.wall_time}")


def _refuse(limit: str, why: str) -> None:
    raise ApplicationError(
        f"Limit reached (limits.{limit}): {why}. Raise it in perdure.yaml, or let the run do less.",
        type="LimitReached",
        non_retryable=True,
    )
