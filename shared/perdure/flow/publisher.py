"""Numbers the facts of one run and publishes them, each stored before the run ends."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import JsonValue
from temporalio import workflow
from temporalio.common import RetryPolicy

from perdure.contracts import ENDINGS, Progress, ProgressKind, RunUsage
from perdure.flow.facts import PUBLISH_FACTS, ExpectedFacts, Fact, FactBatch, RunEnd

__all__ = [
    "BUS_RETRY",
    "BUS_TIMEOUT",
    "DIGEST_MEMO",
    "EVENT_MEMO",
    "KEY_MEMO",
    "RERUN_MEMO",
    "SOURCE_MEMO",
    "FactPublisher",
    "end_workflow_task",
]

EVENT_MEMO: Final = "perdure_event_id"
"""The memo field that holds the id of the event that started the run."""

DIGEST_MEMO: Final = "perdure_event_digest"
"""Memo of the run that an event started: the digest of that event."""

SOURCE_MEMO: Final = "perdure_event_source"
"""The memo field that holds the source of the event that started the run."""

KEY_MEMO: Final = "perdure_key"
"""The memo field that holds the value of ``flow.key`` of the route that started the run."""

RERUN_MEMO: Final = "perdure_rerun_of"
"""The memo field that holds the id of the run that this one repeats."""

BUS_TIMEOUT: Final = timedelta(seconds=10)
"""For one attempt of a local activity that talks to the bus; the number of attempts is unlimited."""

BUS_RETRY: Final = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10))

_SHORTEST_TIMER: Final = 0.001  # seconds


async def end_workflow_task() -> None:
    """Wait for a timer, which ends the workflow task.

    A task that Temporal repeats sees the decisions that arrived since. What follows this call is decided by what had
    arrived before it, also after a repetition.
    """
    await asyncio.sleep(_SHORTEST_TIMER)


class FactPublisher:
    """Hands out the sequence numbers of one run and publishes its facts by a local activity.

    Attributes:
        beginning: The fact that the run has started.
        has_ended: Whether its ending was made: then no fact follows.
    """

    beginning: Progress
    has_ended = False

    def __init__(self) -> None:
        self._last_number = 0
        self._unpublished_beginning: Progress | None = None
        self._publishing: list[asyncio.Task[Any]] = []

    @property
    def event_id(self) -> str | None:
        """The event that started the run, if an event did."""
        return workflow.memo_value(EVENT_MEMO, None, type_hint=str)

    @property
    def key(self) -> str | None:
        """The value of ``flow.key``, if the run's route has one."""
        return workflow.memo_value(KEY_MEMO, None, type_hint=str)

    def start(self) -> None:
        """Make the first fact, and publish it unless the run's first step does: that saves a local activity."""
        self.beginning = self._unpublished_beginning = self.fact("started")
        self._publishing.append(asyncio.create_task(self._publish_beginning()))

    def take_beginning(self) -> Progress | None:
        """Return the first fact to the caller, who publishes it; None if another caller took it before."""
        beginning, self._unpublished_beginning = self._unpublished_beginning, None
        return beginning

    @property
    def next_number(self) -> int:
        """The sequence number that is given out next."""
        return self._last_number + 1

    def reserve(self, count: int) -> int:
        """Reserve the next sequence numbers and return the first of them."""
        first = self._last_number + 1
        self._last_number += count
        return first

    def fact(  # noqa: PLR0913 (the fields of a fact)
        self,
        kind: ProgressKind,
        *,
        sequence: int | None = None,
        step: str | None = None,
        result: JsonValue = None,
        error: str | None = None,
        usage: RunUsage | None = None,
    ) -> Progress:
        """Make a fact of this run, with the next sequence number unless one was reserved for it."""
        info = workflow.info()
        self.has_ended = self.has_ended or kind in ENDINGS
        return Progress(
            workflow=info.workflow_type,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            sequence=sequence or self.reserve(1),
            kind=kind,
            step=step,
            event_id=self.event_id,
            key=self.key,
            at=workflow.now(),
            result=result,
            error=error,
            usage=usage,
        )

    async def publish(
        self, facts: Sequence[Fact], *, after: ExpectedFacts | None = None, end: RunEnd | None = None
    ) -> None:
        """Publish facts in order, and return when they are stored.

        A cancellation does not stop it: the facts have their numbers, and later facts continue them.

        Args:
            facts: What to publish.
            after: Facts that workers should have published before; those that the bus lacks are published first.
            end: What the run's history keeps, to be published once Temporal has closed the run.
        """
        batch = FactBatch(facts=tuple(facts), expected=after, end=end)
        publishing = workflow.start_local_activity(
            PUBLISH_FACTS, batch, start_to_close_timeout=BUS_TIMEOUT, retry_policy=BUS_RETRY
        )
        self._publishing.append(publishing)
        try:
            await asyncio.shield(publishing)
        finally:
            if publishing.done() and publishing in self._publishing:
                self._publishing.remove(publishing)

    def publish_soon(self, facts: Sequence[Fact]) -> None:
        """Publish facts while the run goes on; it does not end before they are stored."""
        self._publishing.append(asyncio.create_task(self.publish(facts)))

    def publish_in_next_task(self, facts: Sequence[Fact]) -> None:
        """Publish facts from the next workflow task on, so that a retried workflow task cannot discard them."""
        self._publishing.append(asyncio.create_task(self._publish_in_next_task(facts)))

    async def all_published(self) -> None:
        """Wait until every fact is stored."""
        while self._publishing:
            try:
                await asyncio.shield(asyncio.gather(*self._publishing))
            finally:
                self._publishing = [task for task in self._publishing if not task.done()]

    async def _publish_beginning(self) -> None:
        """Publish it, unless the run's code, which executes first, has scheduled a step by now."""
        await asyncio.sleep(0)
        beginning = self.take_beginning()
        if beginning is not None:
            await self.publish([beginning])

    async def _publish_in_next_task(self, facts: Sequence[Fact]) -> None:
        await end_workflow_task()
        await self.publish(facts)
