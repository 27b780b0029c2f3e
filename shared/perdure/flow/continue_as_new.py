"""A run that never ends begins anew now and then: its history must not grow for ever."""

from typing import Any, Final

from temporalio import workflow

from perdure.flow.facts import CARRIED_STATE_MEMO
from perdure.flow.run import Run

__all__ = ["renew_when_long"]

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of history at which a run is renewed at the latest; Temporal itself warns at 10 MiB and ends it at 50 MiB."""


async def renew_when_long(*args: Any, longest: int = _LONGEST) -> None:
    """Go on as a new run with these arguments, if the history has grown long; else do nothing.

    Call it where nothing is under way, as at the top of an endless loop. The workflow id stays; the event, what was
    used and early decisions go along; the new run numbers its facts from 1. Agents' conversations do not:
    what must be known of them belongs into the arguments.

    Args:
        args: What the workflow's ``run`` takes.
        longest: Bytes of history that are long; Temporal's own suggestion is followed too.
    """
    info = workflow.info()
    if not info.is_continue_as_new_suggested() and info.get_current_history_size() < longest:
        return
    run = Run.current()
    await run.publisher.all_published()
    memo = {name: workflow.memo_value(name) for name in workflow.memo()}
    workflow.continue_as_new(args=args, memo={**memo, CARRIED_STATE_MEMO: run.carried_state()})
