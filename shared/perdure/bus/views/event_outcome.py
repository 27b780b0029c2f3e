"""Read model of what became of an event: its verdicts, commands, runs and dead letters."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import ReadableStreams, StoredMessage
from perdure.bus.views.data_digest import data_digest
from perdure.bus.views.event_runs import event_in, place_id
from perdure.bus.views.event_verdicts import RouteVerdicts, event_verdicts
from perdure.bus.views.start_ledger import StartLedger
from perdure.bus.views.stuck_runs import stuck_run
from perdure.contracts import (
    ENDINGS,
    WITHOUT_RUN,
    DeadLetter,
    Event,
    Progress,
    RouteVerdict,
    SignalWorkflow,
    StartWorkflow,
    to_pattern,
    to_token,
)
from perdure.contracts.outcomes import EventOutcome, EventRun, EventState, RefusedEvent
from perdure.errors import InvalidMessage

__all__ = ["event_commands", "event_outcome"]

Command = StartWorkflow | SignalWorkflow
RunsBefore = Callable[[Event], Awaitable[list[str]]]

_SKEW: Final = timedelta(seconds=1)  # between the clocks of the servers that lead two streams
_SEARCHED: Final = 4_096  # messages after an event: flow control may release its start later than so many others
_AFTER_FOUND: Final = 512  # one process publishes the commands of one event together, among those of a few others
_OWN_RUN: Final = {"started", "signalled", "released", "duplicate_of"}
_RUN_OF_ANOTHER: Final = {"batched_into", "duplicate_of"}
_DEAD_LETTER_WITHIN: Final = timedelta(seconds=10)
_SERVICES: Final = ("ingest", "orchestrator")  # that refuse events; others refuse what they make of them


async def event_outcome(
    bus: ReadableStreams,
    message: StoredMessage,
    *,
    ledger: StartLedger | None = None,
    runs_before: RunsBefore | None = None,
) -> EventOutcome:
    """Return what has become of a stored event by now.

    Args:
        bus: The bus.
        message: The event, as EVENTS holds it.
        ledger: The starts that took effect. Without it, an event that repeats the id of another with other data may
            seem to have run, until the orchestrator has refused it.
        runs_before: Returns the runs of the same event if it was published before: JetStream stores no second command.

    Raises:
        Unavailable: NATS does not answer.
    """
    event = event_in(message)
    verdicts = await event_verdicts(bus, message)
    firsts = [await _as_the_first(bus, verdict) for verdict in verdicts.routes]
    known = replace(verdicts, routes=tuple(verdict for verdict, _ in firsts))
    commands = await event_commands(bus, message)
    refused = await _dead_letter(bus, message, commands, backfilled={it.route for it in known.routes if it.backfill})
    effective = await _effective(commands, ledger)
    runs = [await _run(bus, command) for command in effective]
    runs += await _runs_of_others(bus, known, {run.workflow_id for run in runs})
    runs += await _released_runs(bus, known, {run.workflow_id for run in runs}, None if event is None else event.id)
    is_held = any(it.verdict == "held" for it in known.routes)  # a batch claims the runs of its events beforehand
    if event is not None and runs_before is not None and not (runs or commands or refused or is_held):
        runs = [_outcome(run, await bus.last(f"progress.*.{to_token(run)}")) for run in await runs_before(event)]
    runs = [await _with_stuck(bus, run) for run in runs]
    refused = refused or next((it for _, it in firsts if it is not None), None)
    begun = {run.workflow_id for run in runs} | {command.route for command in effective}
    held = [it for it in known.routes if it.verdict == "held" and not {it.route, it.workflow_id} & begun]
    return EventOutcome(
        id=place_id(message) if event is None else event.id,
        state=_state(runs, refused, known, is_held=bool(held)),
        stream_sequence=message.sequence,
        data_digest=None if event is None else data_digest(event.data),
        runs=tuple(runs),
        refused=refused,
        verdicts=verdicts.routes,
    )


def _state(runs: list[EventRun], refused: RefusedEvent | None, verdicts: RouteVerdicts, *, is_held: bool) -> EventState:
    kinds = [run.kind for run in runs]
    if refused is not None:
        return "dead_letter"
    if not runs and (_is_refused(verdicts) or _has_no_run(verdicts)):
        return "dead_letter" if _is_refused(verdicts) else "no_run"
    if not any(kinds):
        return "accepted"
    if any(kind not in ENDINGS for kind in kinds) or is_held:
        return "running"
    return "completed" if set(kinds) == {"completed"} else "failed"


def _has_no_run(verdicts: RouteVerdicts) -> bool:
    is_left_alone = all(it.verdict in WITHOUT_RUN for it in verdicts.routes)
    return verdicts.is_whole and not verdicts.is_refused and is_left_alone


def _is_refused(verdicts: RouteVerdicts) -> bool:
    """Return whether an event was refused whose dead letter is not stored any more: an operator has dropped it."""
    if verdicts.stored_at is None or datetime.now(UTC) - verdicts.stored_at < _DEAD_LETTER_WITHIN:
        return False  # the verdict is stored before the dead letter
    words = {it.verdict for it in verdicts.routes} - WITHOUT_RUN
    return verdicts.is_refused or (verdicts.is_whole and words == {"refused"})


async def _as_the_first(bus: ReadableStreams, verdict: RouteVerdict) -> tuple[RouteVerdict, RefusedEvent | None]:
    """Return the verdict on the first event of a duplicate whose run is not known, and its dead letter.

    Other verdicts stay as they are.
    """
    if verdict.verdict != "duplicate_of" or verdict.other is None:
        return verdict, None
    if verdict.workflow_id is not None and await bus.last(f"progress.*.{to_token(verdict.workflow_id)}"):
        return verdict, None
    message = await bus.get("EVENTS", verdict.other.stream_sequence)
    if message is None:
        return verdict, None
    known = (await event_verdicts(bus, message)).routes
    first = next((it for it in known if it.route == verdict.route), verdict)
    if first.verdict in _OWN_RUN:
        first = verdict.model_copy(update={"workflow_id": first.workflow_id})
    if first.workflow_id is not None and await bus.last(f"progress.*.{to_token(first.workflow_id)}"):
        return first, None
    return first, await _dead_letter(bus, message, await event_commands(bus, message))


async def event_commands(bus: ReadableStreams, message: StoredMessage) -> dict[int, Command]:
    """Return the commands of a stored event by their sequence, as far as they are among the next 4,096.

    Raises:
        Unavailable: NATS does not answer.
    """
    found: dict[int, Command] = {}
    oldest = await bus.first_since("commands.>", message.stored_at - _SKEW)
    if oldest is None:
        return found
    end = oldest.sequence + _SEARCHED
    async with aclosing(bus.read_range("commands.>", first=oldest.sequence, last=end)) as commands:
        async for stored in commands:
            command = decode(stored.raw)
            if isinstance(command, Command) and command.event.stream_sequence == message.sequence:
                found[stored.sequence] = command
            if found and stored.sequence > min(found) + _AFTER_FOUND:
                break
    return found


async def _dead_letter(
    bus: ReadableStreams, message: StoredMessage, commands: Mapping[int, Command], *, backfilled: Collection[str] = ()
) -> RefusedEvent | None:
    """Return the dead letter of an event or of one of its commands, but those before a backfill of a route."""
    counting = (place for place, it in commands.items() if it.event.backfill or it.route not in backfilled)
    places = {("COMMANDS", sequence) for sequence in counting}
    if not backfilled:
        places.add((message.stream, message.sequence))
    for service in _SERVICES:
        oldest = await bus.first_since(f"dlq.{service}", message.stored_at - _SKEW)
        if oldest is None:
            continue
        end = oldest.sequence + _SEARCHED
        async with aclosing(bus.read_range(f"dlq.{service}", first=oldest.sequence, last=end)) as dead_letters:
            async for stored in dead_letters:
                found = decode(stored.raw)
                if isinstance(found, DeadLetter) and (found.stream, found.stream_sequence) in places:
                    return RefusedEvent(
                        number=stored.sequence, service=service, reason=found.reason, detail=found.detail
                    )
    return None


async def _effective(commands: dict[int, Command], ledger: StartLedger | None) -> list[Command]:
    """Return one command for each run, without those that the ledger refuses: their dead letters are on their way."""
    found: dict[str, Command] = {}
    for command in commands.values():
        try:
            claimed = command if ledger is None else await ledger.as_claimed(command)
            if ledger is not None:
                await ledger.look_up(claimed)
        except InvalidMessage:
            continue
        found.setdefault(claimed.workflow_id, claimed)
    return list(found.values())


async def _runs_of_others(bus: ReadableStreams, verdicts: RouteVerdicts, known: set[str]) -> list[EventRun]:
    """Return the runs that another event's command started for this one: of its batch, or of the same event before."""
    others = {it.workflow_id: it.verdict for it in verdicts.routes if it.verdict in _RUN_OF_ANOTHER and it.workflow_id}
    found = []
    for run, verdict in others.items():
        if run is not None and run not in known:
            outcome = _outcome(run, await bus.last(f"progress.*.{to_token(run)}"))
            action = "batched" if verdict == "batched_into" else "started"
            found.append(outcome.model_copy(update={"action": action}))
    return found


async def _released_runs(
    bus: ReadableStreams, verdicts: RouteVerdicts, known: set[str], event_id: str | None
) -> list[EventRun]:
    """Return the runs of held and backfilled starts that have begun, found by their progress alone."""
    later = (it for it in verdicts.routes if it.verdict == "held" or (it.backfill and it.verdict in _OWN_RUN))
    runs = {it.workflow_id for it in later if it.workflow_id} - known
    found = []
    for run in sorted(filter(None, runs)):
        newest = await bus.last(f"progress.*.{to_token(run)}")
        fact = None if newest is None else decode(newest.raw)
        if isinstance(fact, Progress) and event_id is not None and fact.event_id == event_id:
            found.append(_outcome(run, newest))
    return found


async def _run(bus: ReadableStreams, command: Command) -> EventRun:
    newest = await bus.last(f"progress.{to_pattern(command.workflow)}.{to_token(command.workflow_id)}")
    outcome = _outcome(command.workflow_id, newest)
    if isinstance(command, SignalWorkflow):
        return outcome.model_copy(update={"action": "signalled"})
    return outcome.model_copy(update={"workflow": command.workflow})


def _outcome(run: str, newest: StoredMessage | None) -> EventRun:
    fact = None if newest is None else decode(newest.raw)
    if not isinstance(fact, Progress):
        return EventRun(workflow_id=run)
    result = fact.result if fact.kind == "completed" else None
    return EventRun(workflow_id=run, workflow=fact.workflow, kind=fact.kind, result=result, error=fact.error)


async def _with_stuck(bus: ReadableStreams, run: EventRun) -> EventRun:
    stuck = None if run.kind in ENDINGS else await stuck_run(bus, run.workflow_id)
    return run if stuck is None else run.model_copy(update={"stuck": stuck.error})
