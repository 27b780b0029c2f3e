"""Finds the event that had a start before: JetStream keeps no second start with its message id waiting."""

from contextlib import aclosing
from dataclasses import replace
from typing import Final

from pydantic import ValidationError

from perdure.bus import Bus, Storage, decode
from perdure.bus.envelope import MESSAGE_ID, header
from perdure.bus.views.newest import newest_headers
from perdure.bus.views.start_ledger import StartLedger
from perdure.contracts import EventVerdict, OtherEvent, StartWorkflow, fit_event_id
from perdure_ingest.flow_control.command_publisher import refused_or_repeated
from perdure_ingest.flow_control.placement import AS_PLANNED, Placement
from perdure_ingest.verdict_log import VerdictLog, other_event

__all__ = ["Repetitions"]

_SEARCHED: Final = 8_192  # verdicts on events of the type, the newest first, by their headers: about 0.4 s


class Repetitions:
    """Finds the first event of a start that JetStream has dropped as a duplicate."""

    def __init__(self, bus: Bus, ledger: StartLedger, verdicts: VerdictLog) -> None:
        self._bus = bus
        self._ledger = ledger
        self._verdicts = verdicts

    async def find(self, start: StartWorkflow, stored: Storage, *, stream: str) -> Placement:
        """Return which event had a start before.

        Args:
            start: The start.
            stored: The confirmation that the stream held it before.
            stream: The stream in which it waits, or waited.

        Returns:
            The other event; as planned if it was the event itself, delivered again, or if no event is found.

        Raises:
            Unavailable: NATS does not answer.
        """
        message = await self._bus.get(stream, stored.sequence)
        if message is not None:
            try:
                other = StartWorkflow.model_validate_json(message.raw.body)
                if other.message_id != start.message_id:  # it is newer, and stays where it waits
                    return Placement(newer=other_event(other))
                return _repeats(start, other_event(other))
            except ValidationError:
                return AS_PLANNED  # it becomes a dead letter at its turn
        known = await refused_or_repeated(self._ledger, start)
        if known != AS_PLANNED:
            return replace(known, run=None)
        sequence = await self._changed(self._verdicts.change(start, "released"))
        if sequence is None:
            return AS_PLANNED
        return _repeats(start, OtherEvent(id=fit_event_id(start.event.id), stream_sequence=sequence))

    async def _changed(self, change: EventVerdict) -> int | None:
        """Return the sequence in EVENTS of the event whose start waited in the route until such a change."""
        _, event, route, _ = change.message_id.split(".")
        searched = 0
        async with aclosing(newest_headers(self._bus, change.subject)) as messages:
            async for message in messages:
                words = (header(message.raw.headers, MESSAGE_ID) or "").split(".")
                if len(words) == 4 and words[1:3] == [event, route]:  # noqa: PLR2004 (see `EventVerdict.message_id`)
                    whole = await self._bus.get(message.stream, message.sequence)
                    found = None if whole is None else decode(whole.raw)
                    if isinstance(found, EventVerdict) and found.source == change.source:
                        return found.stream_sequence
                searched += 1
                if searched == _SEARCHED:
                    break
        return None


def _repeats(start: StartWorkflow, first: OtherEvent) -> Placement:
    return AS_PLANNED if first.stream_sequence == start.event.stream_sequence else Placement(first=first)
