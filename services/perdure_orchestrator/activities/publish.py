"""The step that says what the run wants to be known."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.bus import Bus, decode
from perdure.contracts import Progress
from perdure.errors import InvalidMessage
from perdure.flow.facts import PUBLISH_FACTS, ExpectedFacts, Fact, FactBatch
from perdure_orchestrator.publish_log import PublishLog, expected_facts

__all__ = ["PublishFacts"]


class PublishFacts:
    """Says facts on the bus; Temporal repeats it until they are stored."""

    def __init__(self, bus: Bus, said: PublishLog) -> None:
        self._bus = bus
        self._said = said

    @activity.defn(name=PUBLISH_FACTS)
    async def run(self, announcement: FactBatch) -> None:
        """Say each fact in order; a repetition is recognised by the message ids."""
        ending = announcement.facts[-1] if announcement.expected is not None else None
        if announcement.expected is not None and isinstance(ending, Progress):
            await self._complete(announcement.expected, ending)
        for fact in announcement.facts:
            await self._say(fact)
            if isinstance(fact, Progress):
                self._said.record(fact)
        if isinstance(ending, Progress):
            self._said.forget(ending.run_id)

    async def _complete(self, story: ExpectedFacts, ending: Progress) -> None:
        """Say what was to be said before, and is neither known to be stored nor found on the bus."""
        before = expected_facts(story, ending)
        if self._said.has_all(before):
            return
        stored = [decode(heard.raw) async for heard in self._bus.read(ending.subject)]
        held = {(fact.sequence, fact.kind) for fact in stored if isinstance(fact, Progress)}
        for fact in before:
            if (fact.sequence, fact.kind) not in held:
                await self._say(fact)

    async def _say(self, fact: Fact) -> None:
        """Say a fact; of progress that is too large, all but the result: the run's story must have an end."""
        try:
            await self._bus.publish(fact)
        except InvalidMessage as error:
            if not isinstance(fact, Progress):
                raise ApplicationError(f"It cannot be said: {error}", type="TooLarge", non_retryable=True) from error
            why = f"The result cannot be said ({error}): let the run write it somewhere and return where"
            await self._bus.publish(fact.model_copy(update={"result": None, "error": why}))
