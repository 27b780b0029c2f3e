"""What became of something, why, and what to do: the answer of ``perdure explain`` on a page."""

from perdure.bus.views.snapshots import AskedSources, snapshot_of
from perdure.explain import Explanation, explained
from perdure_console.desk import Desk

__all__ = ["explain"]


async def explain(desk: Desk, text: str) -> Explanation:
    """Return the explanation of an event, run, request or decision."""
    return explained(await snapshot_of(AskedSources(desk.bus, desk.bus.request), text))
