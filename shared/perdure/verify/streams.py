"""Reads JetStream with plain nats-py; each read continues after the one before."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pydantic import ValidationError

from perdure.contracts import DeadLetter, DeadLetterSettled, EventVerdict, Progress
from perdure.verify.identity import command_event_id, command_place, command_route, command_run, event_id
from perdure.verify.records import Command, DeadLetterRecord, Fact, Judged, Published, RouteClaim, StreamEntry

__all__ = ["AUDITED", "StreamMessage", "Streams"]

AUDITED: Final = (
    "EVENTS",
    "VERDICTS",
    "COMMANDS",
    "PROGRESS",
    "APPROVALS",
    "ALERTS",
    "DECISIONS",
    "SIGNALS",
    "RECEIPTS",
    "NOTIFICATIONS",
    "DLQ",
    "ADMIN",
)
"""The streams whose messages must all be in the audit store."""

_SHORT_REPLY: Final = 9  # tokens; servers with domains write two more
_TIME_IN_REPLY, _TIME_IN_LONG_REPLY = 7, 9
_BATCH: Final = 512  # messages
_FETCH_TIMEOUT: Final = 5.0  # seconds
_INACTIVE_THRESHOLD: Final = 30.0  # seconds after which the server deletes an unused consumer


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message that was read from a stream.

    Attributes:
        stored_at: When NATS stored it, in nanoseconds since 1970 (UTC).
    """

    stream: str
    sequence: int
    stored_at: int
    subject: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return sha256(self.body).hexdigest()


class Streams:
    """Collects records of the messages in the audited streams.

    Attributes:
        entries: One record of every message.
        published: The events in EVENTS.
        commands: The commands in COMMANDS that name an event.
        dead_letters: The dead letters in DLQ.
        facts: The facts in PROGRESS.
        judged: The verdicts in VERDICTS.
        settled: Streams and sequences of messages whose dead letters were resent or dropped.
    """

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._last_read = dict.fromkeys(AUDITED, 0)
        self.entries: list[StreamEntry] = []
        self.published: list[Published] = []
        self.commands: list[Command] = []
        self.dead_letters: list[DeadLetterRecord] = []
        self.facts: list[Fact] = []
        self.judged: list[Judged] = []
        self.settled: list[tuple[str, int]] = []

    async def read(self, *streams: str) -> None:
        """Read the new messages of these streams, or of all.

        Raises:
            nats.errors.Error: NATS does not answer; records collected so far are kept.
        """
        for stream in streams or AUDITED:
            async for message in self._new_messages(stream):
                self.add(message)
                self._last_read[stream] = message.sequence

    async def count_outstanding(self) -> int:
        """Count the messages that durable consumers have not received or not acknowledged.

        Raises:
            nats.errors.Error: NATS does not answer.
        """
        consumers = [info for stream in AUDITED for info in await self._js.consumers_info(stream)]
        durable = [info for info in consumers if info.config.durable_name]
        return sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in durable)

    def add(self, message: StreamMessage) -> None:
        """Record a message."""
        self.entries.append(StreamEntry(message.stream, message.sequence, message.subject, message.digest))
        match message.stream:
            case "EVENTS":
                identity = event_id(
                    message.headers,
                    message.body,
                    position=_position(message.stream, message.sequence, message.stored_at),
                )
                self.published.append(Published(message.sequence, message.subject, identity, message.digest))
            case "COMMANDS":
                if (about := command_event_id(message.body)) is not None:
                    route, run = command_route(message.body), command_run(message.body)
                    self.commands.append(Command(message.sequence, about, route, run, command_place(message.body)))
            case "PROGRESS":
                self._add_fact(message)
            case "DLQ":
                self._add_dead_letter(message)
            case "VERDICTS":
                self._add_verdict(message)
            case "ADMIN":
                self._add_settled(message)

    def _add_fact(self, message: StreamMessage) -> None:
        try:
            fact = Progress.model_validate_json(message.body)
        except ValidationError:
            return  # any client may publish here: an invalid message is no fact, and the gap is a violation
        self.facts.append(
            Fact(message.sequence, fact.workflow_id, fact.run_id, fact.sequence, fact.kind, fact.event_id)
        )

    def _add_dead_letter(self, message: StreamMessage) -> None:
        try:
            dead_letter = DeadLetter.model_validate_json(message.body)
        except ValidationError:
            return  # likewise: an invalid message is no dead letter, and its event has no outcome
        body, time = dead_letter.body or b"", dead_letter.stored_at
        stored_at = None if time is None else int(time.timestamp()) * 10**9 + time.microsecond * 1000
        position = _position(dead_letter.stream, dead_letter.stream_sequence, stored_at)
        is_event = dead_letter.stream == "EVENTS"
        about = event_id(dead_letter.headers, body, position=position) if is_event else command_event_id(body)
        self.dead_letters.append(
            DeadLetterRecord(
                message.sequence, dead_letter.reason, dead_letter.stream, dead_letter.stream_sequence, about
            )
        )

    def _add_verdict(self, message: StreamMessage) -> None:
        try:
            verdict = EventVerdict.model_validate_json(message.body)
        except ValidationError:
            return  # likewise: an invalid message is no verdict, and its event has none
        claims = tuple(RouteClaim(it.route, it.verdict, it.workflow_id, it.backfill) for it in verdict.routes)
        self.judged.append(Judged(verdict.stream_sequence, claims, verdict.refused, verdict.unreported))

    def _add_settled(self, message: StreamMessage) -> None:
        try:
            act = DeadLetterSettled.model_validate_json(message.body)
        except ValidationError:
            return  # ADMIN holds other acts, too
        self.settled.append((act.stream, act.stream_sequence))

    async def _new_messages(self, stream: str) -> AsyncIterator[StreamMessage]:
        info = await self._js.stream_info(stream)
        if info.state.last_seq <= self._last_read[stream]:
            return
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._last_read[stream] + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=_INACTIVE_THRESHOLD,
        )
        subscription = await self._js.pull_subscribe(">", stream=stream, config=config)
        consumer = await subscription.consumer_info()
        remaining = consumer.num_pending or 0
        while remaining > 0:
            for message in await subscription.fetch(min(remaining, _BATCH), timeout=_FETCH_TIMEOUT):
                remaining -= 1
                sequence = message.metadata.sequence.stream
                stored_at = _stored_at(message.reply)
                yield StreamMessage(stream, sequence, stored_at, message.subject, message.headers or {}, message.data)
        await subscription.unsubscribe()
        await self._js.delete_consumer(stream, consumer.name)


def _stored_at(reply: str) -> int:
    """Return the time in the reply subject of a delivery."""
    tokens = reply.split(".")
    return int(tokens[_TIME_IN_REPLY if len(tokens) == _SHORT_REPLY else _TIME_IN_LONG_REPLY])


def _position(stream: str, sequence: int, stored_at: int | None) -> str:
    """Return the id of an event without one; its time, absent in 0.1, has whole microseconds."""
    place = f"{stream}.{sequence}"
    return place if stored_at is None else f"{place}.{stored_at // 1000 * 1000}"
