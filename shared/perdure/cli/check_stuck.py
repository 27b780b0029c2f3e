"""``perdure doctor`` on code that needs mending: what cannot be loaded, and which runs wait for what."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from perdure.bus import NatsKeyValue
from perdure.bus.views.stuck_runs import stuck_runs
from perdure.cli.client import reach
from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.contracts.runs import BROKEN_CODE, MEND_THE_CODE, StuckRun
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.values.printable import one_line
from perdure.values.short_code import run_word

__all__ = ["check_stuck"]

_WHAT: Final = "mended code"
_MOST: Final = 20  # findings
_NAMED: Final = 3  # runs


async def check_stuck(settings: Settings) -> list[Finding]:
    """List what an orchestrator could not load, and the errors for whose mending runs wait, with some of the runs."""
    try:
        async with reach(discover(settings)[0], source="perdure/doctor") as bus:
            waiting = await stuck_runs(bus)
            broken = await NatsKeyValue(bus.js, "BRIDGE").get(BROKEN_CODE)
    except Unavailable:  # the finding about NATS reports it
        return []
    code = [Finding("code", good=False, detail=one_line(broken.decode()))] if broken else []
    found = [Finding(_WHAT, good=False, detail=it) for it in islice(_sentences(waiting), _MOST)]
    return code + (found or [Finding(_WHAT, good=True, detail="no run waits for it")])


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
