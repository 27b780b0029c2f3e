"""Reads streams through ephemeral consumers, across restarts of servers."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from perdure.bus.jetstream.drain import drain_consumer
from perdure.bus.jetstream.messages import delivered_message, found_message
from perdure.bus.port import StoredMessage
from perdure.bus.topology import stream_of
from perdure.connections.nats import RECONNECT_SECONDS, refusal
from perdure.errors import Unavailable

__all__ = ["StreamReader"]

_CONSUMER_CHECK_SECONDS: Final = 2.0  # without a message, after which a subscription checks that its consumer exists
_INACTIVE_SECONDS: Final = 30.0  # after which the server deletes an idle consumer
_FETCH_TIMEOUT_SECONDS: Final = 5.0
_FETCH_SIZE: Final = 256  # messages
_MAX_FAILURES: Final = 20  # in a row; long enough for a cluster to elect a leader


class StreamReader:
    """Reads streams for one client, through ordered consumers and pull consumers of its own."""

    def __init__(self, client: Client, js: JetStreamContext) -> None:
        self._client = client
        self._js = js

    async def subscribe(self, subject: str, *, after: int | None, bodies: bool) -> AsyncIterator[StoredMessage]:
        """Yield matching messages in order and without gaps, also across restarts of the server.

        A stream that was made anew or has lost its tail is read from its beginning: nobody knows what is new in it.

        Args:
            subject: A subject or pattern of one stream.
            after: The sequence after which they begin; None: only new messages are yielded.
            bodies: Whether the server sends the bodies.

        Raises:
            Unavailable: The server denies it.
        """
        stream = stream_of(subject).name
        last, made = after, None
        while True:
            earlier = self._client.last_error
            try:
                info = await self._js.stream_info(stream)
                if last is None:
                    last = info.state.last_seq
                elif made not in {None, info.created} or last > info.state.last_seq:
                    last = 0
                made = info.created
                async for message in self._ordered(subject, stream, last + 1, bodies=bodies):
                    last = message.metadata.sequence.stream
                    yield delivered_message(message)
            except (NatsError, OSError) as error:
                latest = self._client.last_error
                if latest is not earlier and (denied := refusal(latest)):
                    raise Unavailable(denied) from error
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _ordered(self, subject: str, stream: str, first: int, *, bodies: bool) -> AsyncIterator[Msg]:
        """Yield messages from this sequence on; raises when the server has lost the consumer."""
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first, headers_only=not bodies
        )
        subscription = await self._js.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
        try:
            while True:
                try:
                    yield await subscription.next_msg(timeout=_CONSUMER_CHECK_SECONDS)
                except NatsTimeoutError:
                    await subscription.consumer_info()
        finally:
            await self._unsubscribe(subscription)

    async def read(self, subject: str, *, last_only: bool) -> AsyncIterator[StoredMessage]:
        """Yield the messages that a stream holds now, and stop."""
        stream = stream_of(subject).name
        try:
            last = await self._last(stream, subject)
            if last is None:
                return
            if not last_only:
                async for message in self._up_to(last, subject, DeliverPolicy.ALL):
                    yield delivered_message(message)
            elif {"*", ">"} & set(subject.split(".")):
                messages = self._up_to(last, subject, DeliverPolicy.LAST_PER_SUBJECT)
                newest = {message.subject: delivered_message(message) async for message in messages}
                for found in sorted(newest.values(), key=attrgetter("sequence")):
                    yield found
            else:
                yield last
        except (NatsError, OSError) as error:
            raise _unavailable(stream, subject, error) from error

    async def last(self, subject: str) -> StoredMessage | None:
        """Return the newest message whose subject matches."""
        stream = stream_of(subject).name
        try:
            return await self._last(stream, subject)
        except (NatsError, OSError) as error:
            raise _unavailable(stream, subject, error) from error

    async def first_since(self, subject: str, time: datetime) -> StoredMessage | None:
        """Return the oldest message whose subject matches and that was stored since a time.

        nats-py has no such call; nats-server has it since 2.11.
        """
        stream = stream_of(subject).name
        query = json.dumps({"start_time": time.astimezone(UTC).isoformat(), "next_by_subj": subject}).encode()
        try:
            reply = await self._client.request(
                f"$JS.API.STREAM.MSG.GET.{stream}", query, timeout=_FETCH_TIMEOUT_SECONDS
            )
            found = json.loads(reply.data).get("message")
            return None if found is None else found_message(stream, await self._js.get_msg(stream, found["seq"]))
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise _unavailable(stream, subject, error) from error

    async def read_range(self, subject: str, first: int, last: int, *, bodies: bool) -> AsyncGenerator[StoredMessage]:
        """Yield the stored messages with a sequence in this range."""
        config = _consumer_from(DeliverPolicy.ALL, max(first, 1)).evolve(headers_only=not bodies)
        if first > last:
            return
        async with aclosing(self._drained(stream_of(subject).name, subject, config, limit=last - first + 1)) as found:
            async for message in found:
                if message.sequence > last:
                    return
                yield message

    async def read_newest_headers(self, subject: str) -> AsyncGenerator[StoredMessage]:
        """Yield the newest message of each subject without its body; one that comes meanwhile may follow its elder."""
        config = _consumer_from(DeliverPolicy.LAST_PER_SUBJECT, 0).evolve(headers_only=True)
        async with aclosing(self._drained(stream_of(subject).name, subject, config)) as found:
            async for message in found:
                yield message

    def _drained(
        self, stream: str, subject: str, config: ConsumerConfig, *, limit: int | None = None
    ) -> AsyncGenerator[StoredMessage]:
        return drain_consumer(self._client, self._js, stream, config.evolve(filter_subject=subject), limit=limit)

    async def _last(self, stream: str, subject: str) -> StoredMessage | None:
        """Return the newest message from the stream's leader, as its followers may lag."""
        try:
            return found_message(stream, await self._js.get_last_msg(stream, subject))
        except NotFoundError:
            return None

    async def _up_to(self, last: StoredMessage, subject: str, policy: DeliverPolicy) -> AsyncIterator[Msg]:
        """Yield messages up to this one, however long the delivering server lags.

        The consumer has one replica. Where its server fails, another consumer continues.
        """
        reached, failures = 0, 0
        while reached < last.sequence:
            config = _consumer_from(policy, reached + 1)
            try:
                async with aclosing(self._pulled(last.stream, subject, config)) as messages:
                    async for message in messages:
                        yield message
                        failures, reached = 0, message.metadata.sequence.stream
                        if reached >= last.sequence:
                            break
            except (NatsError, OSError):
                failures += 1
                if failures == _MAX_FAILURES:
                    raise
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _pulled(self, stream: str, subject: str, config: ConsumerConfig) -> AsyncGenerator[Msg]:
        """Yield the messages of a new pull consumer, for ever."""
        subscription = await self._js.pull_subscribe(subject, stream=stream, config=config)
        try:
            while True:
                for message in await subscription.fetch(_FETCH_SIZE, timeout=_FETCH_TIMEOUT_SECONDS):
                    yield message
        finally:  # a subscription that is left would delay the drain of the connection
            await self._unsubscribe(subscription)

    async def _unsubscribe(
        self, subscription: JetStreamContext.PushSubscription | JetStreamContext.PullSubscription
    ) -> None:
        """Unsubscribe, unless the connection is lost or draining, which ends the subscription by itself."""
        if self._client.is_connected and not self._client.is_draining:
            await subscription.unsubscribe()


def _unavailable(stream: str, subject: str, error: Exception) -> Unavailable:
    return Unavailable(f"NATS: cannot read {subject} from {stream}: {error!r}")


def _consumer_from(policy: DeliverPolicy, first: int) -> ConsumerConfig:
    """Return the configuration of a consumer; only with ``ALL`` does it begin at this sequence."""
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=_INACTIVE_SECONDS)
    if policy is DeliverPolicy.ALL:
        return config.evolve(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=first)
    return config.evolve(deliver_policy=policy)
