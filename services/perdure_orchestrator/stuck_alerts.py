"""Alerts about runs that wait for mended code: however many stumble at one place, people get a few alerts."""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from perdure.bus import Bus
from perdure.contracts import Alert
from perdure.contracts.runs import MEND_THE_CODE, StuckRun
from perdure.encryption import MissingKey, WrongRun
from perdure.errors import PerdureError
from perdure_orchestrator.alert_numbers import alert_number

__all__ = ["StuckAlerts"]

_OWN: Final = 3  # runs of a workflow and a place that have an alert of their own; the others are counted
_WAIT: Final = 5.0  # seconds from which on further runs are counted; it doubles with each count
_LONGEST_WAIT: Final = 3_600.0
_UNREADABLE: Final = tuple(f"{kind.__name__}: " for kind in (MissingKey, WrongRun))
_MOST_PLACES: Final = 1_000  # of which the oldest are forgotten

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """The runs that stumble at one place of a workflow.

    Attributes:
        total: How many there were.
        more: How many of them no alert has named or counted yet.
        wait: Seconds until they are counted.
    """

    total: int = 0
    more: int = 0
    wait: float = _WAIT


class StuckAlerts:
    """Publishes alerts; a workflow and a place have at most four in the first seconds, then ever fewer.

    Args:
        bus: Where they are published.
        wait: Seconds until runs without an alert of their own are counted for the first time.
    """

    def __init__(self, bus: Bus, *, wait: float = _WAIT) -> None:
        self._bus = bus
        self._wait = wait
        self._places: OrderedDict[tuple[str, str], _Place] = OrderedDict()
        self._counting: set[asyncio.Task[None]] = set()

    async def publish(self, run: StuckRun, place: str) -> None:
        """Publish the alert about a run, or count it.

        Args:
            run: The run.
            place: What runs have in common that wait for the same: the line, or the class of the error.

        Raises:
            Unavailable: The bus does not confirm the alert.
        """
        found = self._places.setdefault((run.workflow, place), _Place(wait=self._wait))
        self._places.move_to_end((run.workflow, place))
        if len(self._places) > _MOST_PLACES:
            self._places.popitem(last=False)
        if found.total < _OWN:
            await self._bus.publish(_alert(run, f"{run.workflow_id} waits for {_waits_for(run)[0]}"))
        else:
            found.more += 1
            if found.more == 1:
                self._count_later(found, run)
        found.total += 1

    def give_up(self) -> None:
        """Count no more."""
        for task in self._counting:
            task.cancel()

    def _count_later(self, place: _Place, run: StuckRun) -> None:
        task = asyncio.create_task(self._count(place, run))
        self._counting.add(task)
        task.add_done_callback(self._counting.discard)

    async def _count(self, place: _Place, run: StuckRun) -> None:
        await asyncio.sleep(place.wait)
        more, place.more, place.wait = place.more, 0, min(2 * place.wait, _LONGEST_WAIT)
        what, _ = _waits_for(run)
        runs = "1 more run" if more == 1 else f"{more:,} more runs"
        verb = "waits" if more == 1 else "wait"
        try:
            await self._bus.publish(_alert(run, f"{runs} of {run.workflow} {verb} for {what}", more=more))
        except PerdureError as error:
            _log.warning("cannot raise the alert about %s of %s: %s", runs, run.workflow, error)


def _waits_for(run: StuckRun) -> tuple[str, str]:
    """Return what a run waits for, and what people shall do."""
    if run.error.startswith(_UNREADABLE):
        return "a value that cannot be decrypted", "Do what the error says."
    return "mended code: its workflow code fails", MEND_THE_CODE


def _alert(run: StuckRun, title: str, *, more: int = 0) -> Alert:
    about = {"error": run.error, "what_to_do": f"{_waits_for(run)[1]} Its timeouts go on meanwhile."}
    return Alert(
        workflow=run.workflow,
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        number=alert_number(f"{run.error} {more} {run.since.isoformat() if more else ''}"),
        title=title,
        details={**about, "list_all": "perdure doctor"} if more else about,
        severity="high",
        raised_at=datetime.now(UTC),
    )
