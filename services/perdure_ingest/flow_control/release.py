"""Starts that wait are let go, oldest first, as soon as the limits of their route allow it."""

import logging
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from opentelemetry import propagate, trace

from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.flow_control import FlowControl
from perdure.contracts import CancelWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import Go, Going, OpenRuns, Replace, Skip, Verdict, Wait, decide
from perdure_ingest.flow_control.waiting import Place, read_start

__all__ = ["Release"]

_PRIORITIES: Final = range(1, 6)
_NO_TIME: Final = timedelta()

_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("perdure.ingest")


class Release:
    """One route's way out of the waiting stream."""

    def __init__(  # noqa: PLR0913 (what it goes by, and what it works on)
        self,
        place: Place,
        flow: FlowControl,
        window: Window | None,
        *,
        bus: Bus,
        entries: KeyValue,
        ledger: StartLedger,
    ) -> None:
        self.place = place
        self._flow = flow
        self._window = window
        self._bus = bus
        self._entries = entries
        self._ledger = ledger
        self._gone: Going | None = None

    @property
    def counts_open(self) -> bool:
        """Whether it matters here when runs end."""
        return self._flow.counts_open

    async def look(self) -> datetime | None:
        """Let go what may go now; returns when to look again, if that is known.

        Raises:
            Unavailable: NATS does not answer; whatever was begun is safe to be begun again.
        """
        soonest: list[datetime] = []
        await self._finish((await self._opened())[0].going)
        for subjects in await self._subjects_by_priority():
            turn = subjects
            while turn:  # keys take turns, so that one with many starts does not go first with all of them
                verdicts = {}
                for subject in turn:
                    verdicts[subject] = verdict = await self._try_first(subject)
                    if isinstance(verdict, Wait):
                        soonest += [] if verdict.until is None else [verdict.until]
                        if verdict.all:
                            return min(soonest, default=None)
                turn = [subject for subject, verdict in verdicts.items() if isinstance(verdict, Go | Skip)]
        return min(soonest, default=None)

    async def ended(self, run: str) -> bool:
        """Take a run out of those that are open; returns whether it was one of them.

        Raises:
            Unavailable: NATS does not answer.
        """
        while True:
            opened, revision = await self._opened()
            if run not in opened.runs:
                return False
            if await self._replace(opened.without(run), revision):
                return True

    async def open_runs(self) -> Iterable[str]:
        """Return the workflow ids of the runs that are open.

        Raises:
            Unavailable: NATS does not answer.
        """
        return (await self._opened())[0].runs

    async def _subjects_by_priority(self) -> list[list[str]]:
        if self._flow.open_per_key is None:
            return [[self.place.of_priority(priority)] for priority in _PRIORITIES]
        waiting, full = await self._bus.count_by_subject(self.place.everything), await self._full_keys()
        subjects = [subject for subject in waiting if _key(subject) not in full]
        random.shuffle(subjects)
        return [list(group) for _, group in groupby(sorted(subjects, key=_priority), key=_priority)]

    async def _full_keys(self) -> set[str]:
        """Return the keys of which nothing can go before a run ends: what waits of them need not be read."""
        if self._flow.singleton in {"skip", "cancel"}:
            return set()
        opened, _ = await self._opened()
        limit = self._flow.open_per_key or 0
        return {key for key, count in Counter(opened.runs.values()).items() if count >= limit}

    async def _try_first(self, subject: str) -> Verdict | None:
        """Judge the oldest start of a subject, and do what the verdict says; None if nothing waits there."""
        heard = await self._bus.first(subject)
        if heard is None:
            return None
        settled = heard.stored_at + (self._flow.debounce or _NO_TIME)
        if settled > datetime.now(UTC):
            return Wait(settled, all=self._flow.open_per_key is None)
        start = await read_start(heard, self._bus)
        return Skip() if start is None else await self._judge(heard, start)

    async def _judge(self, heard: StoredMessage, start: StartWorkflow) -> Verdict:
        while True:
            opened, revision = await self._opened()
            await self._finish(opened.going)
            if start.workflow_id not in opened.runs and await self._is_known(start):
                await self._let_go(heard, start)  # it takes no room: the orchestrator knows what became of it
                return Go(opened)
            verdict = self._decide(opened, heard, start)
            match verdict:
                case Skip():
                    _log.info("%s is skipped: a run with its key is open", start.workflow_id)
                    await self._bus.delete(heard.stream, heard.sequence)
                case Replace(runs=runs):
                    await self._cancel(runs, start)
                    return Wait(None, all=False)
                case Go(open=after):
                    going = self._going(heard, start)
                    if not await self._replace(after.model_copy(update={"going": going}), revision):
                        continue  # another process changed it first
                    await self._let_go(heard, start)
                    self._gone = going
            return verdict

    def _going(self, heard: StoredMessage, start: StartWorkflow) -> Going:
        may_be_replaced = self.place.stream == "latest"
        return Going(subject=heard.raw.subject, sequence=heard.sequence, command=start if may_be_replaced else None)

    async def _finish(self, going: Going | None) -> None:
        """Make sure that what was let go last went: the process that did so may have died before it said so."""
        if going is None or going == self._gone:
            return
        if going.command is not None:
            await self._bus.publish(going.command)
            await self._bus.delete(self.place.stream.upper(), going.sequence)
        else:
            heard = await self._bus.first(going.subject, after=going.sequence - 1)
            if heard is not None and heard.sequence == going.sequence:
                await self._let_go(heard, StartWorkflow.model_validate_json(heard.raw.body))
        self._gone = going

    def _decide(self, opened: OpenRuns, heard: StoredMessage, start: StartWorkflow) -> Verdict:
        key, now = _key(heard.raw.subject), datetime.now(UTC)
        return decide(opened, start.workflow_id, key, flow=self._flow, window=self._window, now=now)

    async def _is_known(self, start: StartWorkflow) -> bool:
        """Tell whether this start took effect before, or is one that will be refused."""
        try:
            return await self._ledger.look_up(start) is Claim.DONE
        except InvalidMessage:
            return True

    async def _let_go(self, heard: StoredMessage, start: StartWorkflow) -> None:
        with _tracer.start_as_current_span(
            f"ingest releases {start.route}",
            propagate.extract(heard.raw.headers),
            attributes={"perdure.waited_seconds": (datetime.now(UTC) - heard.stored_at).total_seconds()},
        ):
            await self._bus.publish(start)
        await self._bus.delete(heard.stream, heard.sequence)

    async def _cancel(self, runs: Iterable[str], start: StartWorkflow) -> None:
        for run in runs:
            await self._bus.publish(CancelWorkflow(workflow=start.workflow, workflow_id=run, instead=start.workflow_id))

    async def _opened(self) -> tuple[OpenRuns, int]:
        known = await self._entries.read(self.place.route)
        return (OpenRuns(), 0) if known is None else (OpenRuns.model_validate_json(known.value), known.revision)

    async def _replace(self, opened: OpenRuns, revision: int) -> bool:
        return await self._entries.replace(self.place.route, opened.model_dump_json().encode(), revision=revision)


def _key(subject: str) -> str:
    return subject.rsplit(".", 1)[-1]


def _priority(subject: str) -> str:
    return subject.split(".")[3]
