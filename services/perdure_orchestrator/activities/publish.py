"""The activity that publishes facts of a run."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.bus import Bus, decode
from perdure.contracts import Progress
from perdure.errors import InvalidMessage
from perdure.flow.facts import PUBLISH_FACTS, ExpectedFacts, Fact, FactBatch
from perdure_orchestrator.publish_log import PublishLog, expected_facts

__all__ = ["PublishFacts"]


class PublishFacts:
    """Publishes facts in order; Temporal repeats it until they are stored."""

    def __init__(self, bus: Bus, log: PublishLog) -> None:
        self._bus = bus
        self._log = log

    @activity.defn(name=PUBLISH_FACTS)
    async def run(self, batch: FactBatch) -> None:
        """Publish each fact; message ids de-duplicate a repetition."""
        ending = batch.facts[-1] if batch.expected is not None else None
        if batch.expected is not None and isinstance(ending, Progress):
            await self._publish_missing(batch.expected, ending)
        for fact in batch.facts:
            await self._publish(fact)
            if isinstance(fact, Progress):
                self._log.record(fact)
        if isinstance(ending, Progress):
            self._log.forget(ending.run_id)

    async def _publish_missing(self, expected: ExpectedFacts, ending: Progress) -> None:
        """Publish the facts that belong before the ending and are neither in the log nor on the bus."""
        before = expected_facts(expected, ending)
        if self._log.has_all(before):
            return
        stored = [decode(message.raw) async for message in self._bus.read(ending.subject)]
        known = {(fact.sequence, fact.kind) for fact in stored if isinstance(fact, Progress)}
        for fact in before:
            if (fact.sequence, fact.kind) not in known:
                await self._publish(fact)

    async def _publish(self, fact: Fact) -> None:
        """Publish a fact; progress that is too large goes without its result, so that every run has an ending."""
        try:
            await self._bus.publish(fact)
        except InvalidMessage as error:
            if not isinstance(fact, Progress):
                raise ApplicationError(
                    f"It cannot be published: {error}", type="TooLarge", non_retryable=True
                ) from error
            reason = f"The result cannot be published ({error}): let the run write it somewhere and return where"
            await self._bus.publish(fact.model_copy(update={"result": None, "error": reason}))
