"""The bus on a real NATS server with JetStream."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from perdure.bus.envelope import RawMessage, encode
from perdure.bus.jetstream.connection import RECONNECT_EVERY, accept_any_subject, connection_options
from perdure.bus.port import StoredMessage
from perdure.bus.topology import stream_of
from perdure.config.settings import NatsSettings
from perdure.connections.nats import refusal
from perdure.contracts import Message
from perdure.errors import InvalidMessage, Unavailable

__all__ = ["NatsBus", "connect", "stored_message"]

_STORED_WITHIN: Final = 1.0  # seconds; what was on its way when a server died is lost, and has to be said again soon
_ACKNOWLEDGED_WITHIN: Final = 5.0  # seconds until anything else counts as not answered
_FORGOTTEN_AFTER: Final = 30.0  # seconds after which the server drops an idle consumer of ours
_STILL_THERE_EVERY: Final = 2.0  # seconds of silence after which a listener asks whether its consumer still exists
_LOOK_EVERY: Final = 0.05  # seconds
_FETCHED_AT_ONCE: Final = 256
_TRIES: Final = 20  # so often in a row a consumer may be without its server: as long as a cluster looks for another
_NOT_THERE: Final = 10057  # JSStreamMsgDeleteFailed: the only thing that is ever wrong with such a request


class NatsBus:
    """Says by JetStream publish and listens by ordered consumers."""

    def __init__(self, client: Client, source: str) -> None:
        self._client = client
        self._source = source
        self.js: JetStreamContext = client.jetstream(timeout=_ACKNOWLEDGED_WITHIN)

    async def is_connected(self) -> bool:
        """Tell whether the server is reachable right now."""
        return self._client.is_connected

    @property
    def refusal(self) -> str | None:
        """What the server has not let us do, in a sentence; none, if it let us do all."""
        return refusal(self._client.last_error)

    async def publish(self, message: Message) -> int:
        """Say a message; see ``Bus.publish_raw``."""
        return await self.publish_raw(encode(message, source=self._source))

    async def publish_raw(self, wire: RawMessage) -> int:
        """Publish bytes and wait for the server's acknowledgement; see ``Bus.publish_raw``."""
        try:
            stored = await self.js.publish(wire.subject, wire.body, headers=dict(wire.headers), timeout=_STORED_WITHIN)
        except MaxPayloadError as error:
            raise InvalidMessage(
                "too_large", f"NATS takes at most {self._client.max_payload} bytes a message."
            ) from error
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS did not confirm a message on {wire.subject}: {error!r}") from error
        return stored.seq

    async def subscribe(self, subject: str, *, replay: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield what matches, in order and without gaps, also across restarts of the server; see ``Bus.subscribe``."""
        stream = stream_of(subject).name
        last: int | None = 0 if replay else None
        while True:
            try:
                if last is None:
                    last = (await self.js.stream_info(stream)).state.last_seq
                async for message in self._from(subject, stream, last + 1):
                    last = message.metadata.sequence.stream
                    yield stored_message(message)
            except (NatsError, OSError):
                await asyncio.sleep(RECONNECT_EVERY)

    async def _from(self, subject: str, stream: str, first: int) -> AsyncIterator[Msg]:
        """Yield from a place in the stream on, until the server forgets the consumer: then raises."""
        config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first)
        subscription = await self.js.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
        try:
            while True:
                try:
                    yield await subscription.next_msg(timeout=_STILL_THERE_EVERY)
                except NatsTimeoutError:
                    await subscription.consumer_info()
        finally:
            if self._client.is_connected and not self._client.is_draining:  # else it ends by itself
                await subscription.unsubscribe()

    async def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield what the stream holds, by a consumer that the server forgets by itself; see ``Bus.read``."""
        stream = stream_of(subject).name
        try:
            last = await self._last(stream, subject)
            if last is None:
                return
            if not last_only:
                async for message in self._until(last, subject, DeliverPolicy.ALL):
                    yield stored_message(message)
            elif {"*", ">"} & set(subject.split(".")):
                messages = self._until(last, subject, DeliverPolicy.LAST_PER_SUBJECT)
                newest = {message.subject: stored_message(message) async for message in messages}
                for found in sorted(newest.values(), key=attrgetter("sequence")):
                    yield found
            else:
                yield last
        except (NatsError, OSError) as error:
            raise Unavailable(f"NATS does not tell what it holds of {subject}: {error!r}") from error

    async def _last(self, stream: str, subject: str) -> StoredMessage | None:
        """Return the newest message, from the stream's leader: a cluster's other servers may lag."""
        try:
            found = await self.js.get_last_msg(stream, subject)
        except NotFoundError:
            return None
        wire = RawMessage(found.subject or "", found.data or b"", found.headers or {})
        return StoredMessage(wire, stream, found.seq or 0, found.time or datetime.now(UTC), pending=0)

    async def _until(self, last: StoredMessage, subject: str, policy: DeliverPolicy) -> AsyncIterator[Msg]:
        """Yield up to this message, however long the server that delivers takes to have it.

        The consumer has one server of a cluster to live on: where that one dies, another consumer goes on.
        """
        reached, tries = 0, 0
        while reached < last.sequence:
            config = _from_place(policy, reached + 1)
            try:
                async with aclosing(self._delivered(last.stream, subject, config)) as messages:
                    async for message in messages:
                        yield message
                        tries, reached = 0, message.metadata.sequence.stream
                        if reached >= last.sequence:
                            break
            except (NatsError, OSError):
                tries += 1
                if tries == _TRIES:
                    raise
                await asyncio.sleep(RECONNECT_EVERY)

    async def _delivered(self, stream: str, subject: str, config: ConsumerConfig) -> AsyncGenerator[Msg]:
        """Yield for ever what a consumer of this call's own is given."""
        subscription = await self.js.pull_subscribe(subject, stream=stream, config=config)
        try:
            while True:
                for message in await subscription.fetch(_FETCHED_AT_ONCE, timeout=_ACKNOWLEDGED_WITHIN):
                    yield message
        finally:  # a subscription that is left over would hold up the end of the connection
            if self._client.is_connected and not self._client.is_draining:  # else it ends by itself
                await subscription.unsubscribe()

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest message of this subject behind a place; see ``Bus.first``."""
        stream = stream_of(subject).name
        try:
            found = await self.js.get_msg(stream, seq=after + 1, subject=subject, next=True)
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise Unavailable(f"{stream} does not give its first message of {subject}: {error!r}") from error
        wire = RawMessage(found.subject or "", found.data or b"", found.headers or {})
        return StoredMessage(wire, stream, found.seq or 0, found.time or datetime.now(UTC), pending=0)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        """Wait until a service's consumer has settled what there is; see ``Bus.wait_until_consumed``."""
        try:
            last = (await self.js.stream_info(stream)).state.last_seq
            while not _has_settled(await self.js.consumer_info(stream, service), last):
                await asyncio.sleep(_LOOK_EVERY)
        except (NatsError, OSError) as error:
            raise Unavailable(f"{stream} does not tell how far {service} is: {error!r}") from error

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Return how many messages there are of each subject that matches; see ``Bus.count_by_subject``."""
        stream = stream_of(subject).name
        found: dict[str, int] = {}
        while True:  # the server names 100,000 subjects at a time, of which nats-py reads the first
            wanted = json.dumps({"subjects_filter": subject, "offset": len(found)}).encode()
            try:
                answer = json.loads(await self.request(f"$JS.API.STREAM.INFO.{stream}", wanted))
                page = answer["state"].get("subjects") or {}
            except (Unavailable, KeyError) as error:
                raise Unavailable(f"{stream} does not tell what it holds of {subject}: {error!r}") from error
            found |= page
            if not page or len(found) >= answer["total"]:
                return found

    async def get(self, stream: str, sequence: int) -> RawMessage | None:
        """Return a message as it lies in its stream; see ``Bus.get``."""
        try:
            message = await self.js.get_msg(stream, sequence)
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise Unavailable(f"{stream} does not give its message {sequence}: {error!r}") from error
        return RawMessage(message.subject or "", message.data or b"", message.headers or {})

    async def delete(self, stream: str, sequence: int) -> None:
        """Take a message out of its stream; see ``Bus.delete``."""
        try:
            await self.js.delete_msg(stream, sequence)
        except (NatsError, OSError) as error:
            if isinstance(error, APIError) and error.err_code == _NOT_THERE:
                return
            raise Unavailable(f"{stream} does not drop its message {sequence}: {error!r}") from error

    async def request(self, subject: str, question: bytes) -> bytes:
        """Put a question to a service by request and reply.

        Raises:
            Unavailable: No service answers it.
        """
        try:
            return (await self._client.request(subject, question, timeout=_ACKNOWLEDGED_WITHIN)).data
        except (NatsError, OSError) as error:
            raise Unavailable(f"Nobody answers {subject}: is the service up? ({error!r})") from error


def _has_settled(consumer: ConsumerInfo, last: int) -> bool:
    """Tell whether everything up to this place is settled; what aged out before it was delivered is no matter."""
    if not consumer.num_pending and not consumer.num_ack_pending:
        return True
    return consumer.ack_floor is not None and consumer.ack_floor.stream_seq >= last


@asynccontextmanager
async def connect(
    settings: NatsSettings, *, source: str, role: str = "operator", within: float | None = None
) -> AsyncIterator[NatsBus]:
    """Open a bus for as long as the block lasts.

    Args:
        settings: Where the servers are.
        source: Who speaks, e.g. ``perdure/ingest``.
        role: Whose permissions it has, where NATS keeps them apart.
        within: Seconds to wait for the first connection; without it, until there is one.

    Raises:
        SetupError: The credentials cannot be read.
        Unavailable: No server let us in within that time.
    """
    client, options = Client(), connection_options(settings, source, role)
    try:
        await asyncio.wait_for(client.connect(**options), within)
    except (TimeoutError, NatsError, OSError) as error:
        servers = ", ".join(settings.servers)
        sentence = refusal(client.last_error) or f"No NATS server answers at {servers}. Start one with `perdure up`."
        raise Unavailable(sentence) from error
    accept_any_subject(client)
    try:
        yield NatsBus(client, source)
    finally:
        with suppress(NatsError, OSError):  # a connection that has just broken cannot be closed in peace
            await (client.drain() if client.is_connected else client.close())


def stored_message(message: Msg) -> StoredMessage:
    """Read a JetStream delivery."""
    metadata = message.metadata
    return StoredMessage(
        raw=RawMessage(message.subject, message.data, message.headers or {}),
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        stored_at=metadata.timestamp,
        pending=metadata.num_pending,
    )


def _from_place(policy: DeliverPolicy, first: int) -> ConsumerConfig:
    """Say what a consumer is to be given; what it knows of the newest only, it begins anew."""
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=_FORGOTTEN_AFTER)
    if policy is DeliverPolicy.ALL:
        return config.evolve(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first)
    return config.evolve(deliver_policy=policy)
