"""The bus in one process's memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from perdure.bus.content import Content
from perdure.bus.envelope import MESSAGE_ID, RawMessage, decode, encode
from perdure.bus.limits import check_publishable
from perdure.bus.port import Storage, StoredMessage
from perdure.bus.subject_patterns import matches
from perdure.bus.topology import QUEUES, stream_of
from perdure.contracts import Message
from perdure.errors import InvalidMessage

__all__ = ["MemoryBus"]

_NO_CONTRACT: Final = {"EVENTS", "SIGNALS", "ADVISORIES", *QUEUES}  # streams whose messages ``decode`` does not read


class MemoryBus:
    """Keeps all messages of all streams, in order, without limits of age.

    Attributes:
        content: Encrypts the content of facts; by default nothing.
        clock: Returns the time (UTC) at which a message is stored; a test that skips time replaces it.
    """

    def __init__(self, source: str = "perdure/memory") -> None:
        self.content = Content()
        self.clock: Callable[[], datetime] = partial(datetime.now, UTC)
        self._source = source
        self._stored: dict[int, StoredMessage] = {}  # by order of publication over all streams
        self._last = 0
        self._sequences: dict[tuple[str, str], int] = {}  # by stream and message id
        self._last_sequences: dict[str, int] = {}  # by stream
        self._changed = asyncio.Condition()

    @property
    def published(self) -> list[Message]:
        """All messages of Perdure's contracts, in order of publication; what else was stored is left out."""
        found = []
        for message in self._stored.values():
            if message.stream not in _NO_CONTRACT:
                with suppress(InvalidMessage):
                    found.append(decode(message.raw))
        return found

    def check_publishable(self, raw: RawMessage) -> None:
        """Check a message without publishing it; see ``Bus.check_publishable``."""
        check_publishable(raw)

    async def publish(self, message: Message) -> int:
        """Publish a message; see ``Bus.publish``."""
        return await self.publish_raw(encode(self.content.sealed(message), source=self._source))

    async def publish_raw(self, raw: RawMessage) -> int:
        """Store the bytes; see ``Bus.publish_raw``."""
        return (await self.store(raw)).sequence

    async def store(self, raw: RawMessage) -> Storage:
        """Store the bytes; see ``Bus.store``."""
        self.check_publishable(raw)
        stream = stream_of(raw.subject).name
        message_id = raw.headers.get(MESSAGE_ID)
        if message_id is not None and (stream, message_id) in self._sequences:
            return Storage(self._sequences[stream, message_id], duplicate=True)
        sequence = self._last_sequences[stream] = self._last_sequences.get(stream, 0) + 1
        if message_id is not None:
            self._sequences[stream, message_id] = sequence
        if stream_of(raw.subject).last_per_subject:
            self._delete_where(lambda message: message.raw.subject == raw.subject)
        async with self._changed:
            self._last += 1
            self._stored[self._last] = StoredMessage(raw, stream, sequence, self.clock(), pending=0)
            self._changed.notify_all()
        return Storage(sequence, duplicate=False)

    async def store_after(self, raw: RawMessage, *, last: int) -> Storage | None:
        """Store the bytes if the newest message of their subject is this one; see ``Bus.store_after``."""
        newest = await self.last(raw.subject)
        is_known = (stream_of(raw.subject).name, raw.headers.get(MESSAGE_ID)) in self._sequences
        if not is_known and (newest.sequence if newest else 0) != last:
            return None
        return await self.store(raw)

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest matching message after a sequence; see ``Bus.first``."""
        return next((message for message in self._matching(subject) if message.sequence > after), None)

    async def read_next(self, subject: str, *, after: int, count: int) -> list[StoredMessage]:
        """Return the oldest matching messages after a sequence; see ``Bus.read_next``."""
        found = [message for message in self._matching(subject) if message.sequence > after]
        return [replace(message, pending=len(found) - 1 - place) for place, message in enumerate(found[:count])]

    async def last_of(self, subjects: Sequence[str]) -> list[StoredMessage]:
        """Return the newest message of each subject; see ``Bus.last_of``."""
        return [message for subject in subjects if (message := await self.last(subject)) is not None]

    async def server_time(self) -> datetime:
        """Return the time by the clock; see ``Bus.server_time``."""
        return self.clock()

    async def first_since(self, subject: str, time: datetime) -> StoredMessage | None:
        """Return the oldest matching message since a time; see ``Bus.first_since``."""
        return next((message for message in self._matching(subject) if message.stored_at >= time), None)

    async def last(self, subject: str) -> StoredMessage | None:
        """Return the newest matching message; see ``Bus.last``."""
        return next(reversed(self._matching(subject)), None)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        """Return at once, as there are no consumers; see ``Bus.wait_until_consumed``."""

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Count messages by subject; see ``Bus.count_by_subject``."""
        return dict(Counter(message.raw.subject for message in self._matching(subject)))

    async def delete(self, stream: str, sequence: int) -> None:
        """Delete a message; see ``Bus.delete``."""
        self._delete_where(lambda message: (message.stream, message.sequence) == (stream, sequence))

    async def erase(self, stream: str, sequence: int) -> None:
        """Delete a message; see ``Bus.erase``."""
        await self.delete(stream, sequence)

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        """Return a stored message; see ``Bus.get``."""
        stored = self._stored.values()
        return next((it for it in stored if (it.stream, it.sequence) == (stream, sequence)), None)

    async def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield the stored messages; see ``Bus.read``."""
        found = self._matching(subject)
        newest = {message.raw.subject: message for message in found}
        for message in found:
            if not last_only or newest[message.raw.subject] is message:
                yield message

    async def read_range(
        self, subject: str, *, first: int, last: int, bodies: bool = True
    ) -> AsyncGenerator[StoredMessage]:
        """Yield the stored messages of a range; see ``Bus.read_range``."""
        for message in self._matching(subject):
            if first <= message.sequence <= last:
                yield message if bodies else _without_body(message)

    async def read_newest_headers(self, subject: str) -> AsyncGenerator[StoredMessage]:
        """Yield the newest message of each subject, without bodies; see ``Bus.read_newest_headers``."""
        async for message in self.read(subject, last_only=True):
            yield _without_body(message)

    async def subscribe(
        self, subject: str, *, replay: bool = False, after: int | None = None, bodies: bool = True
    ) -> AsyncIterator[StoredMessage]:
        """Yield matching messages; see ``Bus.subscribe``."""
        position = 0 if replay or after is not None else self._last
        while True:
            async with self._changed:
                while self._last == position:
                    await self._changed.wait()
                new = [message for number, message in self._stored.items() if number > position]
                position = self._last
            for message in new:
                if matches(subject, message.raw.subject) and message.sequence > (after or 0):
                    yield message if bodies else _without_body(message)

    def _matching(self, subject: str) -> list[StoredMessage]:
        return [message for message in self._stored.values() if matches(subject, message.raw.subject)]

    def _delete_where(self, matching: Callable[[StoredMessage], bool]) -> None:
        self._stored = {number: message for number, message in self._stored.items() if not matching(message)}


def _without_body(message: StoredMessage) -> StoredMessage:
    return replace(message, raw=replace(message.raw, body=b""))
