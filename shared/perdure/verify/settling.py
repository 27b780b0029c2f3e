"""Waits for a comparison that passes, until time is up: messages in flight are no violation yet."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from perdure.errors import Unavailable
from perdure.verify.judgement import Comparison, judge
from perdure.verify.records import Expected
from perdure.verify.sources import Sources

__all__ = ["wait_for_comparison"]

_POLL_INTERVAL: Final = 1.0  # seconds


async def wait_for_comparison(  # noqa: PLR0913 (what to check, and how long)
    sources: Sources,
    expected: Sequence[Expected] | None,
    *,
    runs_per_event: int,
    ended: bool,
    deadline: float,
    on_comparison: Callable[[Comparison], None],
) -> Comparison:
    """Return the comparison once all checks pass and no message is outstanding, else the last one before the deadline.

    Args:
        sources: The sources to read.
        expected: The events that were published; None for all events in EVENTS.
        runs_per_event: How many routes each event matches.
        ended: Whether every run must have ended.
        deadline: When to stop, by ``time.monotonic``.
        on_comparison: Called with each comparison that is not final.

    Raises:
        Unavailable: A source did not answer at the last attempt.
    """
    while True:
        last = time.monotonic() >= deadline
        try:
            seen = await sources.observe()
            events = seen.all_events() if expected is None else expected
            comparison = judge(events, seen, runs_per_event=runs_per_event, ended=ended, silent=sources.silent)
        except Unavailable:
            if last:
                raise
        else:
            if last or not (any(seen.outstanding.values()) or comparison.violations):
                return comparison
            on_comparison(comparison)
        await asyncio.sleep(min(_POLL_INTERVAL, max(0.0, deadline - time.monotonic())))
