"""The activity that publishes facts of a run."""

from collections.abc import Sequence

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.bus import Bus, decode
from perdure.contracts import Progress
from perdure.errors import InvalidMessage
from perdure.flow.facts import PUBLISH_FACTS, ExpectedFacts, Fact, FactBatch
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.step_facts import expected_facts, is_of_step, unpublished_facts, unseen_facts

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
        facts: Sequence[Fact] = batch.facts
        if batch.expected is not None and isinstance(ending, Progress):
            facts = await self._unpublished(batch.expected, batch.facts, ending)
        for fact in facts:
            await self._publish(fact)
            if isinstance(fact, Progress):
                self._log.record(fact)
        if isinstance(ending, Progress):
            self._log.forget(ending.run_id)

    async def _unpublished(self, expected: ExpectedFacts, facts: Sequence[Fact], ending: Progress) -> list[Fact]:
        """Return the facts to publish with an ending: those of steps only if their workers have not published them."""
        before = expected_facts(expected, ending)
        if self._log.has_all(before) and not any(map(is_of_step, facts)):
            return list(facts)
        stored = [decode(message.raw) async for message in self._bus.read(ending.subject)]
        of_run = [fact for fact in stored if isinstance(fact, Progress) and fact.run_id == ending.run_id]
        return [*unpublished_facts(before, of_run), *unseen_facts(facts, of_run)]

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
