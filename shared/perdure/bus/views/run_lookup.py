"""Finds a run by what people have at hand: its id, a unique prefix of it, its event's id, or the id of a request."""

import asyncio
from collections.abc import Sequence
from typing import Final

from perdure.bus.port import Bus
from perdure.bus.views.erasures import not_found
from perdure.bus.views.event_outcome import event_outcome
from perdure.bus.views.event_runs import event_in, find_event, run_tokens, runs_of_event
from perdure.bus.views.run_codes import exact_run
from perdure.contracts import WITHOUT_RUN, RouteVerdict, from_token, to_token
from perdure.contracts.outcomes import EventOutcome
from perdure.errors import Ambiguous, Pending, PerdureError
from perdure.values.run_id import SEPARATOR, default_run_id
from perdure.values.short_code import run_word

__all__ = ["DeadLettered", "NoRun", "RunNotBegun", "ambiguous", "find_run", "wait_for_run"]

_SHOWN: Final = 5


class DeadLettered(PerdureError):
    """There is no run, because the event became a dead letter."""


class NoRun(PerdureError):
    """There is no run, because every route that names the event's type left it alone; the message says why."""


class RunNotBegun(Pending):
    """The event is stored, and none of its runs has begun.

    Attributes:
        held: The ids of those of its runs whose starts flow control holds.
        run: The run that was asked for, if it was by its id, or by the beginning of one.
    """

    def __init__(self, message: str, *, held: Sequence[str] = (), run: str | None = None) -> None:
        super().__init__(message)
        self.held = tuple(held)
        self.run = run


async def find_run(bus: Bus, text: str) -> str:
    """Return the id of a run.

    An exact id wins over the rest: that of a run, or its code, then of an approval request, then of an event, then of a
    run that has not begun, then a unique prefix of a run's id. ``snapshot_of`` has the same order.

    Args:
        bus: The bus.
        text: A run id, the id of one of its approval requests, the id of its event, or the beginning of a run id. A run
            that has not begun is known by its default id, as ``publish`` prints it.

    Raises:
        NotFound: Nothing has this id.
        Ambiguous: Several runs have it, or it is the id of one and the code of another; the message lists up to five.
        DeadLettered: It is an event that became a dead letter.
        NoRun: It is an event of which no run comes.
        RunNotBegun: It is an event whose run has not begun.
        Unavailable: NATS does not answer.
    """
    if run := await exact_run(bus, text):
        return run
    tokens = run_tokens(await bus.count_by_subject("progress.*.*"))
    if runs := await runs_of_event(bus, text, tokens):
        return _only(runs, f"the event {text} started")
    if event := await find_event(bus, text):
        return _run_of(await event_outcome(bus, event))
    start = to_token(text)
    alike = sorted({from_token(token) for token in tokens if token.startswith(start)})
    planned = await _run_to_begin(bus, text)
    if planned is not None and (planned[1] == text or not alike):
        return _run_in(*planned)
    if alike:
        return _only(alike, f"{text} begins the ids of")
    raise await not_found(
        bus,
        text,
        f"Nothing has the id {text}: no run, event or approval request. List the runs with `perdure runs list`.",
    )


async def wait_for_run(bus: Bus, text: str, *, every: float = 0.5) -> str:
    """Return the id of a run as ``find_run`` does; if it is that of an event whose run has not begun, wait for that.

    Args:
        bus: The bus.
        text: As in ``find_run``.
        every: Seconds between two looks.

    Raises:
        NotFound: Nothing has this id.
        Ambiguous: Several runs have it.
        DeadLettered: It is an event that became a dead letter.
        NoRun: It is an event of which no run comes.
        Unavailable: NATS does not answer.
    """
    while True:
        try:
            return await find_run(bus, text)
        except RunNotBegun:
            await asyncio.sleep(every)


def ambiguous(beginning: str, noun: str, found: Sequence[str]) -> Ambiguous:
    """Return the error for several candidates; it lists up to five of them."""
    more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    return Ambiguous(f"{beginning} {len(found):,} {noun}: {', '.join(found[:_SHOWN])}{more}. Name one of them.")


async def _run_to_begin(bus: Bus, text: str) -> tuple[EventOutcome, str] | None:
    """Return the run whose default id a text is or begins, and what has become of its event, if that is stored."""
    route, _, rest = text.partition(SEPARATOR)
    for event_id in dict.fromkeys((rest.rpartition(SEPARATOR)[0], rest)):
        message = await find_event(bus, event_id) if event_id else None
        event = None if message is None else event_in(message)
        if message is None or event is None:
            continue
        outcome = await event_outcome(bus, message)
        known = {it.workflow_id for it in outcome.runs} | {it.workflow_id for it in outcome.verdicts}
        planned = set() if outcome.verdicts else {default_run_id(route, event.id, event.source)}
        alike = [run for run in known | planned if run is not None and run.startswith(text)]
        if len(alike) == 1:
            return outcome, alike[0]
    return None


def _run_in(outcome: EventOutcome, run: str) -> str:
    """Return the run if it has begun by now; raises the error that says why it has not."""
    verdict = next((it for it in outcome.verdicts if it.workflow_id == run), None)
    if verdict is not None and verdict.verdict in WITHOUT_RUN:
        raise NoRun(f"No run {run} comes of the event {outcome.id}. {verdict.sentence}.")
    if any(it.workflow_id == run and it.kind is not None for it in outcome.runs):
        return run
    others = tuple(it for it in outcome.runs if it.workflow_id == run)
    verdicts = outcome.verdicts if verdict is None else (verdict,)
    try:
        return _run_of(outcome.model_copy(update={"runs": others, "verdicts": verdicts}))
    except RunNotBegun as error:
        raise RunNotBegun(str(error), held=error.held, run=run) from error


def _run_of(outcome: EventOutcome) -> str:
    place = f"EVENTS {outcome.stream_sequence}"
    if outcome.refused is not None:
        refused = outcome.refused
        raise DeadLettered(
            f"The event {outcome.id} ({place}) became dead letter {refused.number} ({refused.reason}): "
            f"{refused.detail} Look at it with `perdure dlq show {refused.number}`."
        )
    if outcome.state == "dead_letter":
        why = "; ".join(it.sentence for it in outcome.verdicts)
        raise DeadLettered(f"The event {outcome.id} ({place}) became a dead letter, which is not kept any more. {why}")
    if outcome.state == "no_run":
        why = "; ".join(it.sentence for it in outcome.verdicts)
        raise NoRun(f"No run comes of the event {outcome.id} ({place}), and it is no dead letter. {why}.")
    begun = [run.workflow_id for run in outcome.runs if run.kind is not None]
    if begun:
        return _only(begun, f"the event {outcome.id} concerns")
    runs = ", ".join(run.workflow_id for run in outcome.runs)
    holding = [it for it in outcome.verdicts if it.verdict == "held"]
    held = "; ".join(map(_held, holding))
    unknown = f"no run of it has begun: {held or 'it waits for ingest, or in its route'}"
    waits = f"its run {runs} has not begun" if runs else unknown
    raise RunNotBegun(
        f"The event {outcome.id} is stored ({place}), and {waits}. `perdure doctor` shows what is wrong.",
        held=[it.workflow_id for it in holding if it.workflow_id],
    )


def _held(verdict: RouteVerdict) -> str:
    limit = f" by {verdict.limit}" if verdict.limit else ""
    place = f", as number {verdict.place} in line then" if verdict.place else ""
    return f"route {verdict.route} holds it{limit}{place}"


def _only(runs: Sequence[str], beginning: str) -> str:
    if len(runs) > 1:
        raise ambiguous(beginning[0].upper() + beginning[1:], "runs", [run_word(run) for run in runs])
    return runs[0]
