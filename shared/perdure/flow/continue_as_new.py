"""Continues a run as new before its history grows too long, or for new code."""

from typing import Any, Final

from temporalio import workflow
from temporalio.workflow import ContinueAsNewVersioningBehavior

__all__ = ["renew_when_long"]

_LONGEST: Final = 4 * 1024 * 1024
"""Bytes of history; Temporal warns at 10 MiB and terminates the run at 50 MiB."""


async def renew_when_long(*args: Any, longest: int = _LONGEST) -> None:
    """Continue as a new run with these arguments if the history has grown long or there is new code; else do nothing.

    The new run begins on the version of the code that is current. So the arguments must fit the new code too: give what
    you add a default. On workers without versions only the length counts.

    Call it where no step is running, as at the top of an endless loop. The workflow id, the event, the usage and early
    decisions are carried over. The new run numbers its facts from 1. Conversations of agents are not carried over: put
    what the new run needs of them into the arguments.

    Args:
        args: The arguments of the workflow's ``run``.
        longest: The limit in bytes of history; Temporal's own suggestion is followed too.
    """
    info = workflow.info()
    is_long = info.is_continue_as_new_suggested() or info.get_current_history_size() >= longest
    # Temporal counts the versions of a run that an operator keeps on its own as the same.
    if is_long or info.is_target_worker_deployment_version_changed():
        workflow.continue_as_new(args=args, initial_versioning_behavior=ContinueAsNewVersioningBehavior.AUTO_UPGRADE)
