"""A verdict takes time: what is in flight is no violation yet, so one looks again until all is well, or time is up."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from perdure.errors import Unavailable
from perdure.verify.judgement import Verdict, judge
from perdure.verify.records import Expected
from perdure.verify.sources import Sources

__all__ = ["settled"]

_LOOK_EVERY: Final = 1.0  # seconds


async def settled(
    sources: Sources,
    expected: Sequence[Expected] | None,
    *,
    runs_per_event: int,
    deadline: float,
    tell: Callable[[Verdict], None],
) -> Verdict:
    """Return the verdict once nothing is wrong and nothing in anybody's hands, else that of the last look.

    Args:
        sources: Where to look.
        expected: What was published; without it, all that lies in EVENTS.
        runs_per_event: How many routes each event matches.
        deadline: When to stop looking, by ``time.monotonic``.
        tell: Hears what is still wrong, at each look.

    Raises:
        Unavailable: A source did not answer at the last look.
    """
    while True:
        last = time.monotonic() >= deadline
        try:
            quiet = await sources.quiet()
            seen = await sources.look()
            verdict = judge(seen.all_events() if expected is None else expected, seen, runs_per_event=runs_per_event)
        except Unavailable:
            if last:
                raise
        else:
            if last or (quiet and not verdict.violations):
                return verdict
            tell(verdict)
        await asyncio.sleep(min(_LOOK_EVERY, max(0.0, deadline - time.monotonic())))
