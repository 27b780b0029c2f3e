"""What JetStream holds, read by plain nats-py: at each look, what came since the one before."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from pydantic import ValidationError

from perdure.contracts import DeadLetter, Progress
from perdure.verify.identity import event_behind, event_id
from perdure.verify.records import Command, DeadLetterRecord, Fact, Published, StreamEntry

__all__ = ["AUDITED", "Message", "Streams"]

AUDITED: Final = (
    "EVENTS",
    "COMMANDS",
    "PROGRESS",
    "APPROVALS",
    "ALERTS",
    "DECISIONS",
    "SIGNALS",
    "RECEIPTS",
    "NOTIFICATIONS",
    "DLQ",
)
"""The streams of which every message must be recorded."""

_AT_ONCE: Final = 512  # messages
_ANSWERED_WITHIN: Final = 5.0  # seconds
_FORGOTTEN_AFTER: Final = 30.0  # seconds after which the server drops a reader's place by itself


@dataclass(frozen=True, slots=True)
class Message:
    """A message as JetStream gives it."""

    stream: str
    sequence: int
    subject: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return sha256(self.body).hexdigest()


class Streams:
    """The records of all messages that were read, in the order of their streams."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._read = dict.fromkeys(AUDITED, 0)
        self.said: list[StreamEntry] = []
        self.published: list[Published] = []
        self.commands: list[Command] = []
        self.letters: list[DeadLetterRecord] = []
        self.facts: list[Fact] = []

    async def read(self, *streams: str) -> None:
        """Read on, in these streams or in all.

        Raises:
            nats.errors.Error: NATS does not answer; what was read so far is kept.
        """
        for stream in streams or AUDITED:
            async for message in self._new(stream):
                self.take(message)
                self._read[stream] = message.sequence

    async def in_hand(self) -> int:
        """Count the messages that some consumer has not heard yet, or not acknowledged.

        Raises:
            nats.errors.Error: NATS does not answer.
        """
        consumers = [info for stream in AUDITED for info in await self._js.consumers_info(stream)]
        durable = [info for info in consumers if info.config.durable_name]
        return sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in durable)

    def take(self, message: Message) -> None:
        """Make records of a message."""
        self.said.append(StreamEntry(message.stream, message.sequence, message.subject, message.digest))
        match message.stream:
            case "EVENTS":
                identity = event_id(message.headers, message.body, place=f"EVENTS.{message.sequence}")
                self.published.append(Published(message.sequence, message.subject, identity, message.digest))
            case "COMMANDS":
                if (about := event_behind(message.body)) is not None:
                    self.commands.append(Command(message.sequence, about))
            case "PROGRESS":
                self._take_fact(message)
            case "DLQ":
                self._take_letter(message)

    def _take_fact(self, message: Message) -> None:
        try:
            fact = Progress.model_validate_json(message.body)
        except ValidationError:
            return  # anybody may write to a subject; what is no fact counts as none, and gaps show
        self.facts.append(
            Fact(message.sequence, fact.workflow_id, fact.run_id, fact.sequence, fact.kind, fact.event_id)
        )

    def _take_letter(self, message: Message) -> None:
        try:
            letter = DeadLetter.model_validate_json(message.body)
        except ValidationError:
            return  # likewise: a letter that cannot be read is none, and its event has no outcome
        body, place = letter.body or b"", f"{letter.stream}.{letter.stream_sequence}"
        about = event_id(letter.headers, body, place=place) if letter.stream == "EVENTS" else event_behind(body)
        self.letters.append(
            DeadLetterRecord(message.sequence, letter.reason, letter.stream, letter.stream_sequence, about)
        )

    async def _new(self, stream: str) -> AsyncIterator[Message]:
        info = await self._js.stream_info(stream)
        if info.state.last_seq <= self._read[stream]:
            return
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._read[stream] + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=_FORGOTTEN_AFTER,
        )
        subscription = await self._js.pull_subscribe(">", stream=stream, config=config)
        consumer = await subscription.consumer_info()
        remaining = consumer.num_pending or 0
        while remaining > 0:
            for message in await subscription.fetch(min(remaining, _AT_ONCE), timeout=_ANSWERED_WITHIN):
                remaining -= 1
                place = message.metadata.sequence.stream
                yield Message(stream, place, message.subject, message.headers or {}, message.data)
        await subscription.unsubscribe()
        await self._js.delete_consumer(stream, consumer.name)
