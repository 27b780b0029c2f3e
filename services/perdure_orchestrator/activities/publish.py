"""The activity that publishes facts of a run."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.bus import Bus, decode
from perdure.contracts import Progress
from perdure.errors import InvalidMessage
from perdure.flow.facts import PUBLISH_FACTS, ExpectedFacts, Fact, FactBatch, RunEnd
from perdure_orchestrator.endings.fitting import publish_fitting
from perdure_orchestrator.endings.step_facts import expected_facts, unpublished_facts
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.publish_once import publish_once, tried_since

__all__ = ["PublishFacts"]


class PublishFacts:
    """Publishes facts in order; Temporal repeats it until they are stored."""

    def __init__(self, bus: Bus, log: PublishLog) -> None:
        self._bus = bus
        self._log = log

    @activity.defn(name=PUBLISH_FACTS)
    async def run(self, batch: FactBatch) -> RunEnd | None:
        """Publish each fact; message ids de-duplicate a repetition.

        Returns the run's end, so that its history keeps it; the result is there anyway.
        """
        if batch.expected is not None and batch.end is not None:
            await self._publish_missing(batch.expected, batch.end.ending)
        for fact in batch.facts:
            await self._publish(fact)
        return None if batch.end is None else batch.end.with_ending(result=None)

    async def _publish_missing(self, expected: ExpectedFacts, ending: Progress) -> None:
        """Publish the facts that belong before the ending and are neither in the log nor on the bus."""
        before = expected_facts(expected, ending)
        if self._log.has_all(before):
            return
        stored = [decode(message.raw) async for message in self._bus.read(ending.subject)]
        of_run = [fact for fact in stored if isinstance(fact, Progress) and fact.run_id == ending.run_id]
        for fact in of_run:
            self._log.record(fact)
        for fact in unpublished_facts(before, of_run):
            await self._publish(fact)

    async def _publish(self, fact: Fact) -> None:
        if isinstance(fact, Progress):
            await publish_fitting(self._bus, fact, tried_since=tried_since())
            self._log.record(fact)
            return
        try:
            await publish_once(self._bus, fact, tried_since=tried_since())
        except InvalidMessage as error:
            raise ApplicationError(f"It cannot be published: {error}", type="TooLarge", non_retryable=True) from error
