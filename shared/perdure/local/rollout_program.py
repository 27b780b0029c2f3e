"""Runs the program that replays open runs against new code, promotes it and moves what replays: each step an event.

It asks Temporal what is so and continues from there: one that was killed is simply run again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Final

from pydantic import ValidationError

from perdure.errors import SetupError
from perdure.local.own_program import own_program_lines
from perdure.values.rollout import AnyRolloutEvent, Finished, Refused, RolloutEvent, RolloutRequest

__all__ = ["rollout_events"]

_PROGRAM: Final = "perdure_orchestrator.rollout"
_ATTEMPTS: Final = 3
_PAUSE: Final = 2.0  # seconds

_log = logging.getLogger(__name__)


async def rollout_events(request: RolloutRequest, environment: Mapping[str, str]) -> AsyncIterator[RolloutEvent]:
    """Yield what happens until the rollout is finished or refused; in this order, and some of it again after a failure.

    Args:
        request: What shall come of it.
        environment: Variables of the program: the code, the servers, the key.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async for event in _attempt(request, environment):
                if isinstance(event, Refused) and event.is_passing and attempt < _ATTEMPTS:
                    _log.warning("the rollout does not go on, attempt %d: %s", attempt, event.why)
                    break
                yield event
                if isinstance(event, Finished | Refused):
                    return
        except (SetupError, ValidationError) as error:
            _log.warning("the rollout fails, attempt %d: %s", attempt, error)
            if attempt == _ATTEMPTS:
                yield Refused(why=f"The rollout fails again and again: {error}. Repeat `perdure deploy`: it continues.")
        await asyncio.sleep(_PAUSE)


async def _attempt(request: RolloutRequest, environment: Mapping[str, str]) -> AsyncIterator[RolloutEvent]:
    async with own_program_lines(_PROGRAM, request.model_dump_json(), environment=environment) as lines:
        async for line in lines:
            yield AnyRolloutEvent.validate_json(line)
    raise SetupError("it ended too early")
