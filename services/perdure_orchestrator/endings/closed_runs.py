"""Publishes what the bus lacks of runs that Temporal has closed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from temporalio.client import Client

from perdure.bus import Bus, decode
from perdure.bus.topology import STREAMS
from perdure.contracts import ENDINGS, Progress
from perdure.flow.facts import RunEnd
from perdure.values.utc import utc_now
from perdure_orchestrator.endings.closing import Closing, read_closing
from perdure_orchestrator.endings.ended_runs import EndedRuns
from perdure_orchestrator.endings.fitting import publish_fitting
from perdure_orchestrator.endings.missing_facts import missing_facts
from perdure_orchestrator.endings.open_requests import close_requests
from perdure_orchestrator.endings.step_facts import unseen_facts

__all__ = ["PROGRESS_KEPT", "ClosedRuns", "interim"]

PROGRESS_KEPT: Final = STREAMS["PROGRESS"].max_age - timedelta(days=1)
"""What ended longer ago may have had its ending, which PROGRESS forgets: it is not published again."""

_AGAIN: Final = "and Temporal begins it again"


class ClosedRuns:
    """Compares closed runs with the bus; it may be repeated, because message ids de-duplicate.

    Args:
        client: The client of Temporal.
        bus: Where the facts are.
        ended: The runs that need no look; it adds those that it has compared.
        clock: Returns the time (UTC).
    """

    def __init__(self, client: Client, bus: Bus, ended: EndedRuns, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._client = client
        self._bus = bus
        self._ended = ended

    async def publish(self, workflow_id: str, run_id: str) -> bool:
        """Publish what the bus lacks of a run; returns False if the run is open, or another run has its end.

        Of a run that ended longer ago than ``PROGRESS_KEPT``, as a query may bring it back, it publishes nothing.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not confirm a fact.
        """
        closing = await read_closing(self._client, workflow_id, run_id)
        if closing is None:
            return False
        if self._clock() - closing.end.ending.at < PROGRESS_KEPT:
            await self._publish(closing)
        self._ended.add(run_id)
        return True

    async def _publish(self, closing: Closing) -> None:
        facts = [decode(message.raw) async for message in self._bus.read(closing.end.ending.subject)]
        for fact in _lacking([fact for fact in facts if isinstance(fact, Progress)], closing):
            await publish_fitting(self._bus, fact, tried_since=self._clock())
        if not closing.kept:
            await close_requests(self._bus, closing)


def interim(end: RunEnd) -> RunEnd:
    """Return the end of a run that goes on as another: a note instead of an ending."""
    ending = end.ending
    text = f"The run {ending.kind}{f' ({ending.error})' if ending.error else ''}, {_AGAIN}{end.lost_then}"
    return end.with_ending(kind="note", result=text, error=None)


def _lacking(facts: Sequence[Progress], closing: Closing) -> Iterable[Progress]:
    run_id = closing.end.ending.run_id
    own = [fact for fact in facts if fact.run_id == run_id]
    if any(_is_end(fact) for fact in own):
        return ()
    end = interim(closing.end) if closing.begins_again else closing.end
    *steps, ending = end.facts
    known = facts if closing.inherits and not any(fact.sequence == 1 for fact in own) else own
    unseen = list(unseen_facts(steps, known))
    return [*unseen, *missing_facts([*known, *unseen], ending)]


def _is_end(fact: Progress) -> bool:
    return fact.kind in ENDINGS or (fact.kind == "note" and _AGAIN in str(fact.result))
