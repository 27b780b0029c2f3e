"""Keeps open runs listed: the newest fact of one that is silent for long is published again before PROGRESS forgets it.

The copy has the message id of the first: readers that de-duplicate see nothing new. NATS refuses it if the run has
published something meanwhile.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client

from perdure.bus import Bus, RawMessage, StoredMessage, decode
from perdure.bus.envelope import encode
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import OPEN, each_execution
from perdure.contracts import ENDINGS, Progress, to_token
from perdure.errors import InvalidMessage, Unavailable
from perdure_orchestrator.first_fact import first_fact

__all__ = ["RENEW_EVERY", "OpenRunFacts"]

RENEW_EVERY: Final = timedelta(hours=12)

_SILENT: Final = timedelta(days=10)  # a third of the time that PROGRESS keeps a fact
_SOURCE: Final = "perdure/orchestrator"
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class OpenRunFacts:
    """Compares the runs that are open in Temporal with their newest facts."""

    def __init__(self, client: Client, bus: Bus, settings: TemporalSettings) -> None:
        self._client = client
        self._bus = bus
        self._queue = settings.task_queue

    async def renew(self, silent: timedelta = _SILENT) -> None:
        """Publish the newest fact again of each open run that has published nothing for this time.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not confirm a fact.
        """
        before = datetime.now(UTC) - silent
        query = f"TaskQueue = '{self._queue}' AND {OPEN} AND StartTime < '{before.isoformat()}'"
        async for execution in each_execution(self._client, query):
            subject = f"progress.{to_token(execution.workflow_type)}.{to_token(execution.workflow_id)}"
            newest = await self._bus.last(subject)
            if newest is None:
                await self._publish(encode(await first_fact(execution), source=_SOURCE), after=0)
            elif newest.stored_at < before and not _is_ending(newest):
                await self._publish(newest.raw, after=newest.sequence)

    async def _publish(self, raw: RawMessage, *, after: int) -> None:
        """Publish a fact, unless the run has published another meanwhile: NATS refuses it then."""
        try:
            await self._bus.publish_raw(replace(raw, headers={**raw.headers, _EXPECTED: str(after)}))
        except Unavailable:
            newest = await self._bus.last(raw.subject)
            if newest is None or newest.sequence == after:
                raise


def _is_ending(message: StoredMessage) -> bool:
    try:
        fact = decode(message.raw)
    except InvalidMessage:
        return False  # a newer version's word: it is kept as it is
    return isinstance(fact, Progress) and fact.kind in ENDINGS
