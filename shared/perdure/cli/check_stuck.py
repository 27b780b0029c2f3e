"""``perdure doctor`` on runs that wait for mended code: how many wait, where, and for what."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from perdure.bus.views.stuck_runs import stuck_runs
from perdure.cli.client import reach
from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.contracts.runs import MEND_THE_CODE, StuckRun
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.values.printable import one_line
from perdure.values.short_code import run_word

__all__ = ["check_stuck"]

_WHAT: Final = "mended code"
_MOST: Final = 20  # findings
_NAMED: Final = 3  # runs


async def check_stuck(settings: Settings) -> list[Finding]:
    """List the errors for whose mending runs wait, with some of the runs."""
    try:
        async with reach(discover(settings)[0], source="perdure/doctor") as bus:
            waiting = await stuck_runs(bus)
    except Unavailable:  # the finding about NATS reports it
        return []
    found = [Finding(_WHAT, good=False, detail=it) for it in islice(_sentences(waiting), _MOST)]
    return found or [Finding(_WHAT, good=True, detail="no run waits for it")]


def _sentences(waiting: list[StuckRun]) -> Iterator[str]:
    """Yield a sentence for each workflow and error."""
    alike: dict[tuple[str, str], list[StuckRun]] = {}
    for run in waiting:
        alike.setdefault((run.workflow, run.error), []).append(run)
    for (workflow, error), runs in alike.items():
        named = ", ".join(run_word(run.workflow_id) for run in runs[:_NAMED])
        more = f" and {len(runs) - _NAMED:,} more" if len(runs) > _NAMED else ""
        verb = "run waits" if len(runs) == 1 else "runs wait"
        yield f"{len(runs):,} {verb} ({workflow}: {named}{more}): {one_line(error)}. {MEND_THE_CODE}"
