"""Continues what the last leader of a route did, wherever it died; one of 0.1 or 0.2 included."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from perdure.bus import Bus
from perdure.contracts import to_token
from perdure_ingest.flow_control.journal import FormerState, Journal, JournalStore, Releasing
from perdure_ingest.flow_control.open_runs import OpenRun
from perdure_ingest.flow_control.publication import Publication
from perdure_ingest.flow_control.slots import Slots
from perdure_ingest.flow_control.waiting import key_token

__all__ = ["Takeover"]

_EVER: Final = datetime.min.replace(tzinfo=UTC)
_UNSEEN: Final = timedelta(minutes=1)  # endings that an old process may not have seen before its last change


class Takeover:
    """Takes one route over from its last leader.

    Args:
        bus: The bus.
        store: Where the journal is.
        slots: The route's slots.
        publication: Publishes what a dead process was publishing.
        workflow: The type that the route starts, as a token.
        counts_open: Whether any limit of the route depends on the number of open runs.
    """

    def __init__(  # noqa: PLR0913 (one port each)
        self,
        bus: Bus,
        store: JournalStore,
        slots: Slots,
        publication: Publication,
        *,
        workflow: str,
        counts_open: bool,
    ) -> None:
        self._bus = bus
        self._store = store
        self._slots = slots
        self._publication = publication
        self._workflow = workflow
        self._counts_open = counts_open

    async def run(self, now: datetime) -> Journal:
        """Load the open runs, finish what was begun and free the slots of runs that have ended; returns the journal.

        Args:
            now: The time of the server.

        Raises:
            Deposed: Another process takes over.
            Unavailable: NATS does not answer; run it again.
        """
        found = await self._store.read()
        journal = found or Journal(after=self._slots.position)
        journal = journal.model_copy(update={"epoch": journal.epoch + 1})
        await self._store.replace(journal)  # what the last leader does now has no effect any more
        await self._slots.load()
        await asyncio.gather(*(self._finish(it, journal.at or now) for it in journal.batch))
        if journal.cancelling is not None:
            await self._publication.cancel(journal.cancelling)
        after = journal.after
        if (former := await self._store.former()) is not None:
            state, revision, stored_at = former
            after = min(after, await self._unseen(stored_at))
            journal = await self._take_former(state, journal, stored_at)
            await self._store.clear_former(revision)
        if self._counts_open:
            await self._slots.catch_up(after, now)
        return journal

    async def _finish(self, releasing: Releasing, released_at: datetime) -> None:
        """Repeat a release: what of it had happened has no effect a second time."""
        message, start = await self._publication.find(releasing)
        if start is None:
            return
        if self._counts_open and self._slots.open.get(to_token(start.workflow_id)) is None:
            run = OpenRun.of(start, key_token(releasing.subject), released_at)
            self._slots.open.add(run)
            await self._slots.open.keep([run])
        await self._publication.complete(message, start)

    async def _take_former(self, state: FormerState, journal: Journal, stored_at: datetime) -> Journal:
        """Keep each open run of an old process on its own, and finish its last release."""
        if self._counts_open:
            runs = [OpenRun(to_token(run), key, self._workflow, _EVER) for run, key in state.runs.items()]
            new = [run for run in runs if self._slots.open.get(run.run) is None]
            for run in new:
                self._slots.open.add(run)
            await self._slots.open.keep(new)
        if state.going is not None:
            await self._finish(state.going, stored_at)
        return journal.model_copy(update={"next_start": journal.next_start or state.next_start})

    async def _unseen(self, stored_at: datetime) -> int:
        """Return a sequence in PROGRESS up to which an old process that stored its state then had seen all endings."""
        first = await self._bus.first_since("progress.>", stored_at - _UNSEEN)
        return self._slots.position if first is None else first.sequence - 1
