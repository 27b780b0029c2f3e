"""Publishes what the bus lacks of runs that Temporal has closed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from temporalio.client import Client

from perdure.bus import Bus, decode
from perdure.contracts import ENDINGS, Progress
from perdure.flow.facts import RunEnd
from perdure_orchestrator.endings.closing import Closing, read_closing
from perdure_orchestrator.endings.ended_runs import EndedRuns
from perdure_orchestrator.endings.fitting import publish_fitting
from perdure_orchestrator.endings.missing_facts import missing_facts
from perdure_orchestrator.endings.step_facts import unseen_facts

__all__ = ["ClosedRuns", "interim"]

_AGAIN: Final = "and Temporal begins it again"


class ClosedRuns:
    """Compares closed runs with the bus; it may be repeated, because message ids de-duplicate."""

    def __init__(self, client: Client, bus: Bus, ended: EndedRuns) -> None:
        self._client = client
        self._bus = bus
        self._ended = ended

    async def publish(self, workflow_id: str, run_id: str) -> bool:
        """Publish what the bus lacks of a run; returns False if the run is open, or another run has its end.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not confirm a fact.
        """
        closing = await read_closing(self._client, workflow_id, run_id)
        if closing is None:
            return False
        subject = closing.end.ending.subject
        facts = [decode(message.raw) async for message in self._bus.read(subject)]
        for fact in _lacking([fact for fact in facts if isinstance(fact, Progress)], closing):
            await publish_fitting(self._bus, fact, tried_since=datetime.now(UTC))
        self._ended.add(run_id)
        return True


def interim(end: RunEnd) -> RunEnd:
    """Return the end of a run that goes on as another: a note instead of an ending."""
    ending = end.ending
    text = f"The run {ending.kind}{f' ({ending.error})' if ending.error else ''}, {_AGAIN}"
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
    return fact.kind in ENDINGS or (fact.kind == "note" and str(fact.result).endswith(_AGAIN))
