"""Answers publishers who ask what has become of their event."""

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.app import Responder
from perdure.bus.envelope import describe_errors
from perdure.bus.events import PREFIX
from perdure.bus.limits import LARGEST_REPLY
from perdure.bus.views.event_outcome import event_outcome
from perdure.bus.views.event_runs import event_at, event_in, find_event
from perdure.bus.views.start_ledger import StartLedger
from perdure.contracts import Event
from perdure.contracts.outcomes import EVENT_OUTCOME, EventOutcome, EventQuery
from perdure.values.run_id import default_run_id, former_run_id
from perdure.values.short_code import run_word
from perdure_ingest.identity import event_digest, former_digest
from perdure_ingest.rules import Rule

__all__ = ["outcome_responder"]

_SEARCHED: Final = 2_000  # events of the type; publishers ask about what they have just published


def outcome_responder(bus: Bus, ledger: StartLedger, rules: Sequence[Rule]) -> Responder:
    """Return the responder to ``EventQuery`` requests."""

    async def runs_before(event: Event) -> list[str]:
        digest, former = event_digest(event), former_digest(event, event.id)
        claims = [
            *((default_run_id(rule.name, event.id, event.source), digest) for rule in rules),
            *((former_run_id(rule.name, event.id), former) for rule in rules),
        ]
        return [run for run, digest in claims if await ledger.digest_of(run) == digest]

    async def respond(request: RawMessage) -> bytes:
        type_ = request.subject.removeprefix(f"{EVENT_OUTCOME}.")
        try:
            query = EventQuery.model_validate_json(request.body)
        except ValidationError as error:
            return _encode(EventOutcome(id="", state="unknown", problem=describe_errors(error)))
        found = await _find(bus, query, type_)
        if found is None:
            return _encode(EventOutcome(id=query.id or "", state="unknown"))
        return _encode(await event_outcome(bus, found, ledger=ledger, runs_before=runs_before))

    return Responder(f"{EVENT_OUTCOME}.>", respond)


async def _find(bus: Bus, query: EventQuery, type_: str) -> StoredMessage | None:
    """Return the event on the subject of this type, or None; a pattern might match more than NATS permitted."""
    if {"*", ">"} & set(type_.split(".")):
        return None
    if query.stream_sequence is None:
        return await find_event(bus, query.id or "", type_=type_, source=query.source, most=_SEARCHED)
    found = await event_at(bus, query.stream_sequence, f"{PREFIX}{type_}")
    event = None if found is None else event_in(found)
    if event is not None and (query.id not in {None, event.id} or query.source not in {None, event.source}):
        return None
    return found


def _encode(outcome: EventOutcome) -> bytes:
    """Encode a reply; results that are too large for one are left out, with a sentence in their place."""
    body = outcome.model_dump_json().encode()
    if len(body) <= LARGEST_REPLY:
        return body
    runs = [
        run.model_copy(
            update={
                "result": None,
                "error": f"too large for a reply: `perdure runs result {run_word(run.workflow_id)}`",
            }
        )
        for run in outcome.runs
    ]
    verdicts = tuple(it.model_copy(update={"detail": ""}) for it in outcome.verdicts)
    return outcome.model_copy(update={"runs": tuple(runs), "verdicts": verdicts}).model_dump_json().encode()
