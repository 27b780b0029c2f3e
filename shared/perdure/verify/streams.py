"""Reads JetStream with plain nats-py; each read continues after the one before."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pydantic import ValidationError

from perdure.contracts import DeadLetter, DeadLetterSettled, Decision, EventVerdict, Progress, Receipt, RunActed
from perdure.verify.deleted import DeletedStream
from perdure.verify.identity import command_event_id, command_place, command_route, command_run, event_id
from perdure.verify.records import (
    Command,
    DeadLetterRecord,
    DecisionRecord,
    Fact,
    Judged,
    Published,
    ReceiptRecord,
    RouteClaim,
    StreamEntry,
)
from perdure.verify.stream_message import StreamMessage

__all__ = ["AUDITED", "Streams"]

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
        reruns: Ids of acts of operators on runs.
        decisions: The decisions in DECISIONS.
        receipts: The receipts in RECEIPTS.
        unhandled: Workflow ids of commands that went with a deleted stream, perhaps before they were handled.
        unrecorded: Messages that went with a deleted stream, perhaps before they were recorded.
    """

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._last_read = dict.fromkeys(AUDITED, 0)
        self._created: dict[str, datetime | None] = {}
        self._earlier = Counter[str]()  # messages of earlier streams of the same name
        self.entries: list[StreamEntry] = []
        self.published: list[Published] = []
        self.commands: list[Command] = []
        self.dead_letters: list[DeadLetterRecord] = []
        self.facts: list[Fact] = []
        self.judged: list[Judged] = []
        self.settled: list[tuple[str, int]] = []
        self.reruns: set[str] = set()
        self.decisions: list[DecisionRecord] = []
        self.receipts: list[ReceiptRecord] = []
        self.unhandled: set[str] = set()
        self.unrecorded: set[StreamEntry] = set()

    def add_deleted(self, deleted: DeletedStream) -> None:
        """Record what a deleted stream held; its successor counts from 1 again."""
        for message in deleted.messages:
            self.add(message)
        self._earlier[deleted.stream] += deleted.last
        self.unrecorded |= {_entry(it) for it in deleted.missed("audit")}
        if deleted.stream == "COMMANDS":
            self.unhandled |= {command_run(it.body) for it in deleted.missed("orchestrator")}

    async def read(self, *streams: str) -> None:
        """Read the new messages of these streams, or of all.

        Raises:
            nats.errors.Error: NATS does not answer; records collected so far are kept.
        """
        for stream in streams or AUDITED:
            async for message in self.new_messages(stream):
                self.add(message)
                self._last_read[stream] = message.sequence

    async def outstanding(self) -> dict[str, int]:
        """Return how many messages each durable consumer has not received or not acknowledged.

        Raises:
            nats.errors.Error: NATS does not answer.
        """
        consumers = [info for stream in AUDITED for info in await self._js.consumers_info(stream)]
        return {
            f"{info.stream_name}/{info.name}": (info.num_pending or 0) + (info.num_ack_pending or 0)
            for info in consumers
            if info.config.durable_name
        }

    def add(self, message: StreamMessage) -> None:
        """Record a message."""
        self.entries.append(_entry(message))
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
            case "DECISIONS":
                self._add_decision(message)
            case "RECEIPTS":
                self._add_receipt(message)

    def _add_fact(self, message: StreamMessage) -> None:
        try:
            fact = Progress.model_validate_json(message.body)
        except ValidationError:
            return  # any client may publish here: an invalid message is no fact, and the gap is a violation
        place = self._earlier["PROGRESS"] + message.sequence
        self.facts.append(Fact(place, fact.workflow_id, fact.run_id, fact.sequence, fact.kind, fact.event_id))

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
        claims = tuple(
            RouteClaim(it.route, it.verdict, it.workflow_id, it.backfill, is_limited=it.limit is not None)
            for it in verdict.routes
        )
        self.judged.append(Judged(verdict.stream_sequence, claims, verdict.refused, verdict.unreported))

    def _add_settled(self, message: StreamMessage) -> None:
        with suppress(ValidationError):  # ADMIN holds other acts, too
            self.reruns.add(RunActed.model_validate_json(message.body).id)
        with suppress(ValidationError):
            act = DeadLetterSettled.model_validate_json(message.body)
            self.settled.append((act.stream, act.stream_sequence))

    def _add_decision(self, message: StreamMessage) -> None:
        try:
            decision = Decision.model_validate_json(message.body)
        except ValidationError:
            return  # likewise: its receipt names the place only
        self.decisions.append(DecisionRecord(message.sequence, decision.message_id))

    def _add_receipt(self, message: StreamMessage) -> None:
        try:
            receipt = Receipt.model_validate_json(message.body)
        except ValidationError:
            return  # likewise: an invalid message is no receipt, and its decision has none
        self.receipts.append(ReceiptRecord(receipt.decision_id, receipt.place, receipt.code, receipt.is_final))

    async def new_messages(self, stream: str) -> AsyncIterator[StreamMessage]:
        """Yield the messages that were not read before; of a stream that was made anew, all."""
        info = await self._js.stream_info(stream)
        if info.created != self._created.setdefault(stream, info.created):
            self._created[stream], self._last_read[stream] = info.created, 0
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


def _entry(message: StreamMessage) -> StreamEntry:
    return StreamEntry(message.stream, message.sequence, message.subject, message.digest)


def _stored_at(reply: str) -> int:
    """Return the time in the reply subject of a delivery."""
    tokens = reply.split(".")
    return int(tokens[_TIME_IN_REPLY if len(tokens) == _SHORT_REPLY else _TIME_IN_LONG_REPLY])


def _position(stream: str, sequence: int, stored_at: int | None) -> str:
    """Return the id of an event without one; its time, absent in 0.1, has whole microseconds."""
    place = f"{stream}.{sequence}"
    return place if stored_at is None else f"{place}.{stored_at // 1000 * 1000}"
