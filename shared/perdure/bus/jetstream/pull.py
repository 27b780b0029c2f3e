"""Pulls the messages of one consumer: one request at a time, and each message the moment it arrives.

nats-py's ``fetch`` ends by the client's timer just before the server's. The next one takes the late status for its own
and asks twice, and the forgotten request receives a message that nobody reads until it is delivered again. Here each
request has an id of its own, only its own statuses end it, and all that any of them receives is handed out.

Source: nats-server 2.15, consumer.go: the body of ``$JS.API.CONSUMER.MSG.NEXT`` and the statuses that end a request.
"""

import asyncio
import json
from collections import deque
from contextlib import suppress
from typing import Final, Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import Header

__all__ = ["Pull"]

_EXPIRES_SECONDS: Final = 30.0
_HEARTBEAT_SECONDS: Final = 2.0
_LOST_SECONDS: Final = 2.25 * _HEARTBEAT_SECONDS  # of silence, after which the server no longer knows the request
_RETRY_SECONDS: Final = 0.25  # while the consumer is deleted or has no leader
_NANOSECONDS: Final = 1_000_000_000
_HEARTBEAT: Final = "100"
_TIMED_OUT: Final = {"404", "408"}
_LARGER: Final = "message size exceeds maxbytes"


class Pull:
    """The messages of one consumer, as an async context.

    Args:
        client: The client that pulls.
        stream: Name of the stream.
        consumer: Name of the consumer.
    """

    def __init__(self, client: Client, stream: str, consumer: str) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._requests = 0
        self._open = False
        self._left = 0  # messages that the open request may still receive
        self._next_is_larger = False
        self._pause = 0.0
        self._arrived = deque[Msg]()
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._receive)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and nak what has arrived and was not taken, for other processes to receive."""
        if self._subscription is None:
            return
        with suppress(NatsError):  # without a connection the server delivers again what has arrived
            if self._client.is_connected:
                await self._subscription.drain()  # type: ignore[no-untyped-call]
            else:
                await self._subscription.unsubscribe()
            while self._arrived:
                await self._arrived.popleft().nak()

    async def take(self, most: int, *, most_bytes: int) -> list[Msg]:
        """Wait for messages, and return those that have arrived.

        Args:
            most: Most messages, one or more.
            most_bytes: Most bytes of all of them; a single message may be larger.

        Raises:
            NatsError: The connection is closed for good.
        """
        while not self._arrived:
            self._changed.clear()
            if not self._open:
                await asyncio.sleep(self._pause)
                await self._request(most, most_bytes)
            try:
                async with asyncio.timeout(_LOST_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                self._open = False
        return [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]

    async def _request(self, most: int, most_bytes: int) -> None:
        self._requests += 1
        self._open, self._left = True, 1 if self._next_is_larger else most
        body: dict[str, int] = {
            "batch": self._left,
            "expires": int(_EXPIRES_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        if not self._next_is_larger:
            body["max_bytes"] = max(most_bytes, 1)
        self._next_is_larger = False
        await self._client.publish(self._subject, json.dumps(body).encode(), f"{self._inbox}.{self._requests}")

    async def _receive(self, message: Msg) -> None:
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
