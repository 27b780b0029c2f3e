"""The bus on a NATS server with JetStream."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, Header
from nats.js.errors import APIError, NotFoundError

from perdure.bus.content import Content
from perdure.bus.envelope import RawMessage, encode
from perdure.bus.jetstream.direct_get import get_last_of, get_next
from perdure.bus.jetstream.messages import found_message
from perdure.bus.jetstream.not_stored import not_stored
from perdure.bus.jetstream.reader import StreamReader
from perdure.bus.limits import check_publishable
from perdure.bus.port import Storage, StoredMessage
from perdure.bus.topology import stream_of
from perdure.connections.nats import refusal
from perdure.contracts import Message
from perdure.errors import DeleteRefused, Unavailable

__all__ = ["NatsBus"]

_PUBLISH_TIMEOUT_SECONDS: Final = 1.0  # short: a message in flight to a failed server is lost, and must be republished
_REQUEST_TIMEOUT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05
_CHECK_SECONDS: Final = 0.5
_WRONG_LAST_SEQUENCE: Final = 10071  # JSStreamWrongLastSequenceErrF
_ANY_STREAM: Final = "PROGRESS"  # each service may ask for its state
_SEQUENCE_NOT_FOUND: Final = 10043  # JSSequenceNotFound
# What nats-server 2.15 writes under the one code 10057 (JSStreamMsgDeleteFailedF); the first two: nothing is there.
_NO_MESSAGE: Final = {"no message found", "stream store EOF"}  # ErrStoreMsgNotFound, ErrStoreEOF
_DELETE_DENIED: Final = "message delete not permitted"


class NatsBus:
    """Publishes through JetStream, and reads streams through ephemeral consumers.

    Attributes:
        content: Seals what it publishes.
        js: The JetStream context.
        observers: Called with each message that ``publish`` has stored, and nobody before.
    """

    def __init__(self, client: Client, source: str, content: Content | None = None) -> None:
        self.content = content or Content()
        self._client = client
        self._source = source
        self.js: JetStreamContext = client.jetstream(timeout=_REQUEST_TIMEOUT_SECONDS)
        self._reader = StreamReader(client, self.js)
        self.observers: list[Callable[[Message], None]] = []

    async def is_connected(self) -> bool:
        """Return whether the server is reachable now."""
        return self._client.is_connected

    async def watch_connection(self) -> None:
        """Wait until the connection is closed for good, which no reconnection mends.

        Raises:
            Unavailable: It is closed; with the last error.
        """
        while not self._client.is_closed:
            await asyncio.sleep(_CHECK_SECONDS)
        raise Unavailable(f"The NATS connection is closed for good: {self._client.last_error!r}.")

    @property
    def refusal(self) -> str | None:
        """Text of the last error, if the server denied the credentials or a subject; else None."""
        return refusal(self._client.last_error)

    def check_publishable(self, raw: RawMessage) -> None:
        """Check a message without publishing it; see ``Bus.check_publishable``."""
        check_publishable(raw, max_bytes=self._client.max_payload)

    async def publish(self, message: Message) -> int:
        """Publish a message; see ``Bus.publish``."""
        stored = await self.store(encode(self.content.sealed(message), source=self._source))
        if not stored.duplicate:
            for observe in self.observers:
                observe(message)
        return stored.sequence

    async def publish_raw(self, raw: RawMessage) -> int:
        """Publish bytes and wait for the server's ack; see ``Bus.publish_raw``."""
        return (await self.store(raw)).sequence

    async def store(self, raw: RawMessage) -> Storage:
        """Publish bytes and return the server's ack; see ``Bus.store``."""
        self.check_publishable(raw)
        try:
            return await self._store(raw, {})
        except (NatsError, OSError) as error:
            raise not_stored(raw.subject, error) from error

    async def store_after(self, raw: RawMessage, *, last: int) -> Storage | None:
        """Publish bytes if the newest message of their subject is this one; see ``Bus.store_after``."""
        self.check_publishable(raw)
        try:
            return await self._store(raw, {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(last)})
        except (NatsError, OSError) as error:
            if isinstance(error, APIError) and error.err_code == _WRONG_LAST_SEQUENCE:
                return None
            raise not_stored(raw.subject, error) from error

    async def _store(self, raw: RawMessage, more: dict[str, str]) -> Storage:
        ack = await self.js.publish(
            raw.subject, raw.body, headers={**raw.headers, **more}, timeout=_PUBLISH_TIMEOUT_SECONDS
        )
        return Storage(ack.seq, duplicate=bool(ack.duplicate))

    def subscribe(
        self, subject: str, *, replay: bool = False, after: int | None = None, bodies: bool = True
    ) -> AsyncIterator[StoredMessage]:
        """Yield matching messages, also across restarts of the server; see ``Bus.subscribe``."""
        return self._reader.subscribe(subject, after=0 if replay else after, bodies=bodies)

    def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield the messages that a stream holds now; see ``Bus.read``."""
        return self._reader.read(subject, last_only=last_only)

    def read_range(self, subject: str, *, first: int, last: int, bodies: bool = True) -> AsyncGenerator[StoredMessage]:
        """Yield the stored messages of a range; see ``Bus.read_range``."""
        return self._reader.read_range(subject, first, last, bodies=bodies)

    def read_newest_headers(self, subject: str) -> AsyncGenerator[StoredMessage]:
        """Yield the newest message of each subject, without bodies; see ``Bus.read_newest_headers``."""
        return self._reader.read_newest_headers(subject)

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        """Return a stored message; see ``Bus.get``."""
        try:
            return found_message(stream, await self.js.get_msg(stream, sequence))
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS: cannot get message {sequence} of {stream}: {error!r}") from error

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest matching message after a sequence; see ``Bus.first``."""
        stream = stream_of(subject).name
        try:
            return found_message(stream, await self.js.get_msg(stream, seq=after + 1, subject=subject, next=True))
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS: cannot get the first message on {subject} of {stream}: {error!r}") from error

    async def read_next(self, subject: str, *, after: int, count: int) -> list[StoredMessage]:
        """Return the oldest matching messages after a sequence; see ``Bus.read_next``."""
        return await get_next(self._client, subject, after=after, count=count)

    async def last_of(self, subjects: Sequence[str]) -> list[StoredMessage]:
        """Return the newest message of each subject; see ``Bus.last_of``."""
        return await get_last_of(self._client, subjects)

    async def server_time(self) -> datetime:
        """Return the time that the server writes into its replies; see ``Bus.server_time``."""
        reply = json.loads(await self.request(f"$JS.API.STREAM.INFO.{_ANY_STREAM}", b""))
        try:
            return datetime.fromisoformat(reply["ts"])
        except KeyError as error:
            raise Unavailable(f"NATS: cannot read the server's time: {reply.get('error')}") from error

    async def first_since(self, subject: str, time: datetime) -> StoredMessage | None:
        """Return the oldest matching message since a time; see ``Bus.first_since``."""
        return await self._reader.first_since(subject, time)

    async def last(self, subject: str) -> StoredMessage | None:
        """Return the newest matching message; see ``Bus.last``."""
        return await self._reader.last(subject)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        """Wait until a service's consumer has settled what the stream holds now; see ``Bus.wait_until_consumed``."""
        try:
            last = (await self.js.stream_info(stream)).state.last_seq
            while not _has_settled(await self.js.consumer_info(stream, service), last):
                await asyncio.sleep(_POLL_SECONDS)
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS: cannot read the state of {service}'s consumer on {stream}: {error!r}") from error

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Return the number of messages of each matching subject; see ``Bus.count_by_subject``."""
        stream = stream_of(subject).name
        counts: dict[str, int] = {}
        while True:  # the server returns up to 100,000 subjects a page, and nats-py only the first page
            query = json.dumps({"subjects_filter": subject, "offset": len(counts)}).encode()
            try:
                info = json.loads(await self.request(f"$JS.API.STREAM.INFO.{stream}", query))
                page = info["state"].get("subjects") or {}
            except (Unavailable, KeyError) as error:
                raise Unavailable(f"NATS: cannot count the messages on {subject} of {stream}: {error!r}") from error
            counts |= page
            if not page or len(counts) >= info["total"]:
                return counts

    async def delete(self, stream: str, sequence: int) -> None:
        """Delete a message; see ``Bus.delete``."""
        await self._delete(stream, {"seq": sequence, "no_erase": True})

    async def erase(self, stream: str, sequence: int) -> None:
        """Delete a message and its bytes on the disk, which takes ten times as long; see ``Bus.erase``."""
        await self._delete(stream, {"seq": sequence})

    async def _delete(self, stream: str, query: dict[str, int]) -> None:
        reply = json.loads(await self.request(f"$JS.API.STREAM.MSG.DELETE.{stream}", json.dumps(query).encode()))
        error = reply.get("error")
        why = "" if error is None else error.get("description", "")
        if error is None or error.get("err_code") == _SEQUENCE_NOT_FOUND or why in _NO_MESSAGE:
            return
        problem = DeleteRefused if why == _DELETE_DENIED else Unavailable
        raise problem(f"NATS: cannot delete message {query['seq']} of {stream}: {why}")

    async def request(self, subject: str, body: bytes) -> bytes:
        """Send a NATS request and return the body of the reply.

        Raises:
            Unavailable: No responder replied in time.
        """
        try:
            return (await self._client.request(subject, body, timeout=_REQUEST_TIMEOUT_SECONDS)).data
        except (NatsError, OSError) as error:
            raise Unavailable(f"No responder replies on {subject}: is the service running? ({error!r})") from error


def _has_settled(consumer: ConsumerInfo, last: int) -> bool:
    """Return whether a consumer has settled all messages up to a sequence, those that expired before left aside."""
    if not consumer.num_pending and not consumer.num_ack_pending:
        return True
    return consumer.ack_floor is not None and consumer.ack_floor.stream_seq >= last
