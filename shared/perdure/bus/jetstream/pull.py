"""Pulls the messages of one consumer: one request at a time, and each message the moment it arrives.

nats-py's ``fetch`` ends by the client's timer just before the server's. The next one takes the late status for its own
and asks twice, and the forgotten request receives a message that nobody reads until it is delivered again. Here each
request has an id of its own, only its own statuses end it, and all that any of them receives is handed out.

Source: nats-server 2.15, consumer.go: the body of ``$JS.API.CONSUMER.MSG.NEXT`` and the statuses that end a request.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js.api import Header

__all__ = ["Pull"]

_EXPIRES_SECONDS: Final = 30.0
_HEARTBEAT_SECONDS: Final = 2.0
_LOST_SECONDS: Final = 2.25 * _HEARTBEAT_SECONDS  # of silence, after which the server no longer knows the request
_RETRY_SECONDS: Final = 0.25  # while there is no connection, and the consumer is deleted or has no leader
_LATE_SECONDS: Final = 0.05
_NANOSECONDS: Final = 1_000_000_000
_HEARTBEAT: Final = "100"
_TIMED_OUT: Final = {"404", "408"}
_LARGER: Final = "message size exceeds maxbytes"


class Pull:
    """The messages of one consumer, as an async context that may be entered again.

    Args:
        client: The client that pulls.
        stream: Name of the stream.
        consumer: Name of the consumer.
    """

    def __init__(self, client: Client, stream: str, consumer: str) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._requests = 0
        self._open = False
        self._left = 0  # messages that the open request may still receive
        self._next_is_larger = False
        self._pause = 0.0
        self._active_at = 0.0  # the loop's time of the last message or status, or of the request
        self._arrived = deque[Msg]()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and nak what has arrived and was not taken, for other processes to receive."""
        subscription, self._subscription = self._subscription, None
        with suppress(NatsError):  # without a connection the server forgets the request
            if subscription is not None and self._client.is_connected:
                await subscription.drain()  # type: ignore[no-untyped-call]
            elif subscription is not None:
                await subscription.unsubscribe()
        while self._arrived:
            with suppress(NatsError):  # likewise it delivers again what has arrived
                await self._arrived.popleft().nak()

    @property
    def arrived(self) -> Sequence[Msg]:
        """The messages that have arrived and were not taken."""
        return self._arrived

    async def take(self, most: int, *, room: int, room_bytes: int) -> list[Msg]:
        """Wait for messages, and return those that have arrived.

        Args:
            most: Most messages that are returned, one or more.
            room: Most messages that are requested, one or more.
            room_bytes: Most bytes of all that are requested; a single message may be larger.

        Raises:
            ConnectionClosedError: The connection is closed for good.
        """
        while not self._arrived:
            self._changed.clear()
            if not self._open:
                await self._request(room, room_bytes)
            try:
                async with asyncio.timeout_at(self._active_at + _LOST_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await asyncio.sleep(_LATE_SECONDS)  # after a blocked event loop, what came meanwhile is read first
                if asyncio.get_running_loop().time() > self._active_at + _LOST_SECONDS:
                    await self._listen()  # messages of the lost request would count for the next one
        return [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]

    async def _listen(self) -> None:
        """Begin anew, without a request: the server forgets one whose inbox nobody reads."""
        await self._connection()
        if self._subscription is not None:
            with suppress(NatsError):
                await self._subscription.unsubscribe()
        self._inbox = self._client.new_inbox()
        self._open, self._pause, self._next_is_larger = False, 0.0, False
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._receive)

    async def _connection(self) -> None:
        """Wait for the connection: nats-py would keep a request, and send it with all the others."""
        while not self._client.is_connected:
            if self._client.is_closed:
                raise ConnectionClosedError
            await asyncio.sleep(_RETRY_SECONDS)

    async def _request(self, room: int, room_bytes: int) -> None:
        await asyncio.sleep(self._pause)
        await self._connection()
        self._requests += 1
        self._open, self._left = True, 1 if self._next_is_larger else room
        body: dict[str, int] = {
            "batch": self._left,
            "expires": int(_EXPIRES_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        if not self._next_is_larger:
            body["max_bytes"] = max(room_bytes, 1)
        self._next_is_larger = False
        self._active_at = asyncio.get_running_loop().time()
        await self._client.publish(self._subject, json.dumps(body).encode(), f"{self._inbox}.{self._requests}")

    async def _receive(self, message: Msg) -> None:
        self._active_at = asyncio.get_running_loop().time()
        if message.reply:  # a message; a status has no reply subject, whatever the headers of a message are
            self._arrived.append(message)
            self._left -= 1
            self._open, self._pause = self._open and self._left > 0, 0.0
        elif message.subject == f"{self._inbox}.{self._requests}":
            self._end(message.headers or {})
        self._changed.set()

    def _end(self, status: dict[str, str]) -> None:
        """End the open request, unless the status is but a heartbeat of it."""
        code, text = status.get(Header.STATUS), status.get(Header.DESCRIPTION, "").lower()
        if code == _HEARTBEAT:
            return
        self._open = False
        self._next_is_larger = text == _LARGER
        self._pause = 0.0 if code in _TIMED_OUT or self._next_is_larger else _RETRY_SECONDS
