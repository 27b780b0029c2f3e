"""Waits for what becomes of an event, by asking again and again: an answer that comes early is not missed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from pydantic import JsonValue

from perdure.bus import NatsBus
from perdure.client.published import PublishedEvent
from perdure.contracts.outcomes import EVENT_OUTCOME, EventOutcome, EventQuery
from perdure.errors import Ambiguous, NotFound, Pending, PerdureError, Unavailable, WrongArgument

__all__ = ["EventName", "result_in", "wait_for_outcome"]

_FIRST_PAUSE: Final = 0.05  # seconds
_LONGEST_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class EventName:
    """An event to ask about."""

    type: str
    query: EventQuery

    @classmethod
    def of(cls, event: PublishedEvent | str, type_: str | None, source: str | None) -> Self:
        """Return the name of an event that was published, or that is given by its id, type and perhaps source.

        Raises:
            WrongArgument: The type is missing.
        """
        if isinstance(event, PublishedEvent):
            query = EventQuery(id=event.id, source=event.source, stream_sequence=event.stream_sequence)
            return cls(event.type, query)
        if type_ is None:
            raise WrongArgument(f"Name the type of the event {event} too, as it was published.")
        return cls(type_, EventQuery(id=event, source=source))


async def wait_for_outcome(
    bus: NatsBus, event: EventName, *, within: float | None, meanwhile: Callable[[EventOutcome], None] | None = None
) -> EventOutcome:
    """Ask until the outcome is settled or the time is over; see ``Client.wait``.

    Args:
        bus: The connection.
        event: The event.
        within: Seconds.
        meanwhile: Called with each outcome that is not settled.
    """
    answer: EventOutcome | None = None
    pause = _FIRST_PAUSE
    try:
        async with asyncio.timeout(within or None):
            while True:
                try:
                    answer = await _ask(bus, event)
                except Unavailable:
                    if within == 0:
                        raise
                if answer is not None and (answer.is_settled or within == 0):
                    return answer
                if answer is not None and meanwhile is not None:
                    meanwhile(answer)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
    except TimeoutError:
        if answer is None:
            raise Unavailable(
                f"No ingest service has answered what became of the event {event.query.id}. If it is stored, it waits "
                "for one: `perdure doctor` shows what is wrong."
            ) from None
        return answer


async def _ask(bus: NatsBus, event: EventName) -> EventOutcome:
    reply = await bus.request(f"{EVENT_OUTCOME}.{event.type}", event.query.model_dump_json().encode())
    answer = EventOutcome.model_validate_json(reply)
    if answer.state == "unknown":
        raise NotFound(f"No stored event of the type {event.type} has the id {event.query.id}.")
    opened = bus.content.opened_value
    runs = [
        run.model_copy(update={it: opened(getattr(run, it), run.workflow_id) for it in ("result", "error")})
        for run in answer.runs
    ]
    return answer.model_copy(update={"runs": tuple(runs)})


def result_in(outcome: EventOutcome) -> JsonValue:
    """Return the result of the only run of an event; see ``Client.result``."""
    if outcome.refused is not None:
        refused = outcome.refused
        raise PerdureError(
            f"The event {outcome.id} became dead letter {refused.number} ({refused.reason}): {refused.detail}"
        )
    why = "; ".join(it.sentence for it in outcome.verdicts)
    if outcome.state == "dead_letter":
        raise PerdureError(f"The event {outcome.id} became a dead letter, which is not kept any more. {why}".strip())
    if outcome.state == "no_run":
        raise PerdureError(f"No run comes of the event {outcome.id}: {why}.")
    if len(outcome.runs) > 1:
        runs = ", ".join(run.workflow_id for run in outcome.runs)
        raise Ambiguous(f"The event {outcome.id} concerns several runs: {runs}. Use `wait`, which returns all results.")
    if not outcome.is_settled:
        why = "".join(f" It waits for mended code: {run.stuck}." for run in outcome.runs if run.stuck)
        raise Pending(f"The event {outcome.id} is stored, and its run has not ended.{why} Ask again.")
    (run,) = outcome.runs
    if run.kind == "completed" and run.error is None:
        return run.result
    raise PerdureError(f"The run {run.workflow_id}: {run.kind}. {run.error or ''}".strip())
