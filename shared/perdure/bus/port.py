"""The port to the message bus."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from perdure.bus.content import Content
from perdure.bus.envelope import RawMessage
from perdure.contracts import Message

__all__ = ["Bus", "ReadableStreams", "Storage", "StoredMessage"]


@dataclass(frozen=True, slots=True)
class Storage:
    """The confirmation that a stream holds a message.

    Attributes:
        sequence: Its sequence in the stream, from 1.
        duplicate: Whether the stream held a message with this id before, and so stored nothing now. Streams compare
            ids only, and only within their duplicate window: the older message may have other content.
    """

    sequence: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as a stream stores it.

    Attributes:
        raw: Subject, headers and body as they were published.
        stream: Name of the stream that holds it.
        sequence: Its sequence in the stream, from 1.
        stored_at: When the server stored it (UTC).
        pending: How many matching messages followed it when it was delivered.
    """

    raw: RawMessage
    stream: str
    sequence: int
    stored_at: datetime
    pending: int


class ReadableStreams(Protocol):
    """Reads what streams hold: those of a server, of one process's memory, or of a record.

    Attributes:
        content: Decrypts the content of facts.
    """

    content: Content

    def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield the messages that one stream holds now, in order, and stop.

        Args:
            subject: A subject or pattern of one stream.
            last_only: Yield only the newest message of each subject.

        Raises:
            Unavailable: The server does not answer.
        """

    def read_range(self, subject: str, *, first: int, last: int, bodies: bool = True) -> AsyncGenerator[StoredMessage]:
        """Yield the stored messages with a sequence in this range whose subject matches, in order.

        Args:
            subject: A subject or pattern of one stream.
            first: The lowest sequence.
            last: The highest sequence.
            bodies: Whether the server sends the bodies; without them it sends less.

        Raises:
            Unavailable: The server does not answer.
        """

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        """Return a message with the server's own subject and time, or None if the stream no longer holds it.

        Raises:
            Unavailable: The server does not answer.
        """

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest message of one stream whose subject matches, or None.

        Args:
            subject: A subject or pattern of one stream.
            after: Only messages with a higher sequence than this count.

        Raises:
            Unavailable: The server does not answer.
        """

    async def first_since(self, subject: str, time: datetime) -> StoredMessage | None:
        """Return the oldest message of one stream whose subject matches and that was stored since (UTC), or None.

        The time is exact to a millisecond.

        Raises:
            Unavailable: The server does not answer.
        """

    async def last(self, subject: str) -> StoredMessage | None:
        """Return the newest message of one stream whose subject matches, or None.

        Args:
            subject: A subject or pattern of one stream.

        Raises:
            Unavailable: The server does not answer.
        """

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Return how many messages one stream holds of each matching subject.

        Raises:
            Unavailable: The server does not answer.
        """


class Bus(ReadableStreams, Protocol):
    """Publishes messages to durable streams, and reads them.

    Attributes:
        content: Encrypts the content of facts as ``publish`` does, and decrypts what was read.
    """

    def check_publishable(self, raw: RawMessage) -> None:
        """Check a message without publishing it.

        Raises:
            InvalidMessage: As in ``publish_raw``.
        """

    async def publish(self, message: Message) -> int:
        """Publish a message; returns its sequence once the stream has stored it.

        Publishing the same message again within the duplicate window stores nothing and returns the first sequence.

        Raises:
            StreamFull: NATS refused it for want of room; nothing was stored.
            Unavailable: Storage was not confirmed. The message may be stored: publish it again.
        """

    async def publish_raw(self, raw: RawMessage) -> int:
        """Publish subject, headers and body unchanged; returns the sequence in the stream.

        Raises:
            InvalidMessage: The body is larger than the server's ``max_payload``, or NATS takes no such subject or
                headers.
            Unavailable: As in ``publish``.
        """

    async def store(self, raw: RawMessage) -> Storage:
        """Publish as ``publish_raw`` does; returns also whether the stream held a message with this id before.

        Raises:
            InvalidMessage: As in ``publish_raw``.
            Unavailable: As in ``publish``.
        """

    async def store_after(self, raw: RawMessage, *, last: int) -> Storage | None:
        """Publish as ``store`` does, if the newest message of its subject has a sequence; return None if it has not.

        Args:
            raw: The message.
            last: That sequence; 0 if the subject has no message.

        Raises:
            InvalidMessage: As in ``publish_raw``.
            Unavailable: As in ``publish``.
        """

    def subscribe(
        self, subject: str, *, replay: bool = False, after: int | None = None, bodies: bool = True
    ) -> AsyncIterator[StoredMessage]:
        """Yield the messages of one stream whose subject matches, in order, for ever.

        Args:
            subject: A subject or pattern of one stream.
            replay: Begin with the oldest stored message; otherwise only new messages are yielded.
            after: Begin after this sequence instead.
            bodies: Whether the server sends the bodies; without them it sends less.
        """

    def read_newest_headers(self, subject: str) -> AsyncGenerator[StoredMessage]:
        """Yield the newest message of each matching subject of one stream, in order of storage, with empty bodies.

        Raises:
            Unavailable: The server does not answer.
        """

    async def read_next(self, subject: str, *, after: int, count: int) -> list[StoredMessage]:
        """Return the oldest messages of one stream whose subject matches, in order, in one request.

        A replica may answer, which lags: messages may be missing, or be those that were deleted a moment ago.

        Args:
            subject: A subject or pattern of one stream.
            after: Only messages with a higher sequence than this count.
            count: How many at most; fewer are returned if they are large, but one if there is any.

        Raises:
            Unavailable: The server does not answer.
        """

    async def last_of(self, subjects: Sequence[str]) -> list[StoredMessage]:
        """Return the newest message of each subject that has one, in one request; a replica may answer, which lags.

        Args:
            subjects: At most 1,000 subjects of one stream, without wildcards.

        Raises:
            Unavailable: The server does not answer.
        """

    async def server_time(self) -> datetime:
        """Return the time (UTC) by which the server stores messages.

        Raises:
            Unavailable: The server does not answer.
        """

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        """Wait until a service has settled every message that a stream holds now; without a time limit.

        Raises:
            Unavailable: The server does not answer.
        """

    async def delete(self, stream: str, sequence: int) -> None:
        """Delete a message from its stream; deleting a missing message does nothing.

        Raises:
            DeleteRefused: The stream denies to delete messages.
            Unavailable: The deletion was not confirmed.
        """

    async def erase(self, stream: str, sequence: int) -> None:
        """Delete a message as ``delete`` does; the server overwrites its bytes on the disk, which takes longer.

        Raises:
            DeleteRefused: The stream denies to delete messages.
            Unavailable: The deletion was not confirmed.
        """
