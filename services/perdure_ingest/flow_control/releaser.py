"""Releases waiting starts, oldest first, as soon as the limits of their route allow it."""

import asyncio
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
from perdure.contracts import CancelWorkflow, EventVerdict, StartWorkflow
from perdure.errors import InvalidMessage
from perdure.values.window import Window
from perdure_ingest.flow_control.command_publisher import refused_or_repeated
from perdure_ingest.flow_control.gate import Action, CancelOpen, LastRelease, OpenRuns, Release, Skip, Wait, next_action
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.flow_control.waiting import WaitingSubjects, key_token, read_start, replaced_by
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["Releaser"]

_PRIORITIES: Final = range(1, 6)
_NO_TIME: Final = timedelta()

_log = logging.getLogger(__name__)
_tracer: Final = trace.get_tracer("perdure.ingest")


class Releaser:
    """Releases the waiting starts of one route."""

    def __init__(  # noqa: PLR0913 (the route's configuration, and the ports)
        self,
        subjects: WaitingSubjects,
        flow: FlowControl,
        window: Window | None,
        *,
        bus: Bus,
        entries: KeyValue,
        ledger: StartLedger,
        verdicts: VerdictLog,
    ) -> None:
        self._subjects = subjects
        self._flow = flow
        self._window = window
        self._bus = bus
        self._entries = entries
        self._ledger = ledger
        self._verdicts = verdicts
        self._completed: LastRelease | None = None

    async def release_due(self) -> datetime | None:
        """Release every start that the limits allow; returns when to call again, if that is known.

        Raises:
            Unavailable: NATS does not answer; an interrupted release is completed next time.
        """
        times: list[datetime] = []
        await self._complete((await self._read())[0].last_release)
        for subjects in await self._subjects_by_priority():
            in_turn = subjects
            while in_turn:  # keys take turns, so that one with many starts does not go first with all of them
                actions = {}
                for subject in in_turn:
                    actions[subject] = action = await self._try_first(subject)
                    if isinstance(action, Wait):
                        times += [] if action.until is None else [action.until]
                        if action.all:
                            return min(times, default=None)
                in_turn = [subject for subject, action in actions.items() if isinstance(action, Release | Skip)]
        return min(times, default=None)

    async def run_ended(self, run: str) -> bool:
        """Remove a run from the open ones; returns whether it was one of them.

        Raises:
            Unavailable: NATS does not answer.
        """
        while True:
            opened, revision = await self._read()
            if run not in opened.runs:
                return False
            if await self._replace(opened.without(run), revision):
                return True

    async def open_runs(self) -> Iterable[str]:
        """Return the workflow ids of the open runs.

        Raises:
            Unavailable: NATS does not answer.
        """
        return (await self._read())[0].runs

    async def placement(self, subject: str, start: StartWorkflow) -> Placement:
        """Return which limit holds a start that has just been stored, and its place in the line of its key.

        Raises:
            Unavailable: NATS does not answer.
        """
        same_key = self._subjects.pattern_of_key(key_token(subject))
        (opened, _), waiting = await asyncio.gather(self._read(), self._bus.count_by_subject(same_key))
        place = max(1, sum(waiting.values()))
        if self._flow.debounce:
            return Placement("debounce", place)
        match next_action(
            opened, start.workflow_id, key_token(subject), flow=self._flow, window=self._window, now=datetime.now(UTC)
        ):
            case Wait(limit=limit):
                return Placement(limit, place)
            case Skip() | CancelOpen():
                return Placement("singleton", place)
            case _:
                return Placement(None, place)

    async def _subjects_by_priority(self) -> list[list[str]]:
        if self._flow.open_per_key is None:
            return [[self._subjects.pattern_of_priority(priority)] for priority in _PRIORITIES]
        waiting, full = await self._bus.count_by_subject(self._subjects.pattern), await self._full_keys()
        subjects = [subject for subject in waiting if key_token(subject) not in full]
        random.shuffle(subjects)
        return [list(group) for _, group in groupby(sorted(subjects, key=_priority), key=_priority)]

    async def _full_keys(self) -> set[str]:
        """Return the keys of which nothing is released before a run ends: their starts need not be read."""
        if self._flow.singleton in {"skip", "cancel"}:
            return set()
        opened, _ = await self._read()
        limit = self._flow.open_per_key or 0
        return {key for key, count in Counter(opened.runs.values()).items() if count >= limit}

    async def _try_first(self, subject: str) -> Action | None:
        """Act on the oldest start of a subject; returns the action, or None if nothing waits there."""
        message = await self._bus.first(subject)
        if message is None:
            return None
        quiet_since = message.stored_at + (self._flow.debounce or _NO_TIME)
        if quiet_since > datetime.now(UTC):
            return Wait(quiet_since, "debounce", all=self._flow.open_per_key is None)
        start = await read_start(message, self._bus)
        return Skip("") if start is None else await self._act(message, start)

    async def _act(self, message: StoredMessage, start: StartWorkflow) -> Action:
        while True:
            opened, revision = await self._read()
            await self._complete(opened.last_release)
            if start.workflow_id not in opened.runs and await self._is_known(start):
                # It takes no slot: the orchestrator settles it by its ledger.
                await self._publish(message, start, await self._known_verdict(start))
                return Release(opened)
            action = self._next_action(opened, message, start)
            match action:
                case Skip(by=run):
                    _log.info("%s is skipped: a run with its key is open", start.workflow_id)
                    skipped = self._verdicts.change(
                        start, "skipped", workflow_id=run, detail=f"the run {run} of its key is open"
                    )
                    await self._verdicts.publish_changes([*replaced_by(message), skipped])
                    await self._bus.delete(message.stream, message.sequence)
                case CancelOpen(runs=runs):
                    await self._cancel(runs, start)
                    return Wait(None, "singleton", all=False)
                case Release(open=after):
                    release = self._last_release(message, start)
                    if not await self._replace(after.model_copy(update={"last_release": release}), revision):
                        continue  # another process changed the open runs first
                    await self._publish(message, start)
                    self._completed = release
            return action

    def _last_release(self, message: StoredMessage, start: StartWorkflow) -> LastRelease:
        replaceable = self._subjects.stream == "latest"
        return LastRelease(
            subject=message.raw.subject, sequence=message.sequence, command=start if replaceable else None
        )

    async def _complete(self, release: LastRelease | None) -> None:
        """Publish the start that was released last, in case its process died before it did."""
        if release is None or release == self._completed:
            return
        message = await self._bus.first(release.subject, after=release.sequence - 1)
        if message is not None and message.sequence == release.sequence:
            await self._publish(message, release.command or StartWorkflow.model_validate_json(message.raw.body))
        elif release.command is not None:  # a newer start has taken its place
            await self._bus.publish(release.command)
            await self._verdicts.publish_changes([self._released(release.command)])
        self._completed = release

    def _next_action(self, opened: OpenRuns, message: StoredMessage, start: StartWorkflow) -> Action:
        key, now = key_token(message.raw.subject), datetime.now(UTC)
        return next_action(opened, start.workflow_id, key, flow=self._flow, window=self._window, now=now)

    async def _is_known(self, start: StartWorkflow) -> bool:
        """Return whether this start took effect before, or will be refused."""
        try:
            return await self._ledger.look_up(await self._ledger.as_claimed(start)) is Claim.DONE
        except InvalidMessage:
            return True

    def _released(self, start: StartWorkflow) -> EventVerdict:
        return self._verdicts.change(start, "released", workflow_id=start.workflow_id)

    async def _known_verdict(self, start: StartWorkflow) -> EventVerdict:
        """Return the verdict on a start that took effect before, or will be refused."""
        known = await refused_or_repeated(self._ledger, start)
        released = self._released(start)
        return released.model_copy(update={"routes": (known.corrected(released.routes[0]),)})

    async def _publish(self, message: StoredMessage, start: StartWorkflow, verdict: EventVerdict | None = None) -> None:
        with _tracer.start_as_current_span(
            f"ingest releases {start.route}",
            propagate.extract(message.raw.headers),
            attributes={"perdure.waited_seconds": (datetime.now(UTC) - message.stored_at).total_seconds()},
        ):
            await self._bus.publish(start)
        await self._verdicts.publish_changes([*replaced_by(message), verdict or self._released(start)])
        await self._bus.delete(message.stream, message.sequence)

    async def _cancel(self, runs: Iterable[str], start: StartWorkflow) -> None:
        for run in runs:
            await self._bus.publish(CancelWorkflow(workflow=start.workflow, workflow_id=run, instead=start.workflow_id))

    async def _read(self) -> tuple[OpenRuns, int]:
        entry = await self._entries.read(self._subjects.route)
        return (OpenRuns(), 0) if entry is None else (OpenRuns.model_validate_json(entry.value), entry.revision)

    async def _replace(self, opened: OpenRuns, revision: int) -> bool:
        return await self._entries.replace(self._subjects.route, opened.model_dump_json().encode(), revision=revision)


def _priority(subject: str) -> str:
    return subject.split(".")[3]
