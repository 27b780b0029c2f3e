"""Runs the program that replays open runs against new code, promotes it and moves what replays: each step an event.

It asks Temporal what is so and continues from there: one that was killed is simply run again.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from pydantic import ValidationError

from perdure.errors import SetupError
from perdure.local.own_program import own_program_lines
from perdure.values.rollout import AnyRolloutEvent, Finished, Gated, RolloutEvent, RolloutRefused, RolloutRequest

__all__ = ["rollout_events"]

_PROGRAM: Final = "perdure_orchestrator.rollout"
_ATTEMPTS: Final = 3
_PAUSE: Final = 2.0  # seconds

_log = logging.getLogger(__name__)


async def rollout_events(request: RolloutRequest, environment: Mapping[str, str]) -> AsyncGenerator[RolloutEvent]:
    """Yield what happens until the rollout is finished or refused; in this order, and some of it again after a failure.

    After ``Gated``, nothing is promoted before the next event is asked for: until then, workers may be started.

    Args:
        request: What shall come of it.
        environment: Variables of the program: the code, the servers, the key.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        is_last, ended = attempt == _ATTEMPTS, False
        try:
            async with own_program_lines(_PROGRAM, request.model_dump_json(), environment=environment) as program:
                async for line in program:
                    event = AnyRolloutEvent.validate_json(line)
                    is_passing = isinstance(event, RolloutRefused) and event.is_passing and not is_last
                    ended = isinstance(event, Finished | RolloutRefused) and not is_passing
                    if is_passing:
                        _log.warning("the rollout does not go on, attempt %d: %s", attempt, event)
                    else:
                        yield event
                    if isinstance(event, Gated):
                        await program.let_go_on()
        except (SetupError, ValidationError) as error:
            _log.warning("the rollout fails, attempt %d: %s", attempt, error)
            if is_last and not ended:
                yield RolloutRefused(
                    why=f"The rollout fails again and again: {error}. Repeat `perdure deploy`: it continues."
                )
        if ended:
            return
        await asyncio.sleep(_PAUSE)
