"""Closes the approval requests of a run that ended from outside: its own code does not, and people still see them."""

from collections.abc import AsyncIterator

from perdure.bus import Bus
from perdure.bus.views.approval_index import unsettled_requests
from perdure.contracts import ApprovalExpired, ApprovalRequested
from perdure_orchestrator.endings.closing import Closing

__all__ = ["close_requests"]


async def close_requests(bus: Bus, closing: Closing) -> None:
    """Publish for each open request of a run that it is closed. Repeating it is safe: message ids de-duplicate.

    Raises:
        Unavailable: The bus does not confirm it.
    """
    ending = closing.end.ending
    async for request in _closed_with(bus, closing):
        await bus.publish(
            ApprovalExpired(
                workflow=request.workflow,
                workflow_id=request.workflow_id,
                run_id=request.run_id,
                request_id=request.request_id,
                expired_at=ending.at,
                reason=f"the run ended without it: {ending.kind}",
            )
        )


async def _closed_with(bus: Bus, closing: Closing) -> AsyncIterator[ApprovalRequested]:
    ending = closing.end.ending
    for request in await unsettled_requests(bus, ending.workflow, ending.workflow_id):
        is_of_the_chain = not closing.begins_again and request.opened_at <= ending.at
        if request.run_id == ending.run_id or is_of_the_chain:
            yield request
