"""Pull subscriptions that nak fetched messages at a stop, so that they are redelivered before the ack wait is over.

FastStream pulls through these: it fetches more messages than it handles at a time, and drops the others at a stop.
"""

import asyncio
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import APIError, ServiceUnavailableError

__all__ = ["PullContext", "TrackedPull"]

_RETRY_SECONDS: Final = 0.25  # FastStream retries at once while a consumer has no leader or is deleted


class TrackedPull(JetStreamContext.PullSubscription):
    """A pull subscription that keeps the fetched messages whose handling has not begun."""

    def __init__(self, subscription: JetStreamContext.PullSubscription) -> None:
        self.__dict__.update(vars(subscription))
        self._fetched: dict[str, Msg] = {}

    async def fetch(self, batch: int = 1, timeout: float | None = 5, heartbeat: float | None = None) -> list[Msg]:
        """Fetch messages; without a consumer, wait a moment and raise an error that FastStream retries."""
        try:
            messages = await super().fetch(batch, timeout, heartbeat)
        except TimeoutError as error:
            raise NatsTimeoutError from error  # the class that FastStream expects
        except APIError as error:
            await asyncio.sleep(_RETRY_SECONDS)
            raise ServiceUnavailableError from error  # likewise
        self._fetched.update((message.reply, message) for message in messages)
        return messages

    def mark_started(self, message: Msg) -> None:
        """Drop a message from those to nak: its handler settles it."""
        self._fetched.pop(message.reply, None)

    async def unsubscribe(self) -> None:
        """Stop fetching, and nak the messages whose handling has not begun, for other processes to receive."""
        received = self._sub._pending_queue  # noqa: SLF001 (the only place of messages received between two fetches)
        await super().unsubscribe()
        while not received.empty():
            message = received.get_nowait()
            if not self._js.is_status_msg(message):
                self._fetched[message.reply] = message
        for message in self._fetched.values():
            await message.nak()
        self._fetched.clear()


class PullContext(JetStreamContext):
    """A JetStream context that makes tracked pull subscriptions.

    Attributes:
        by_stream: The subscriptions that it made, by stream.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.by_stream: dict[str, TrackedPull] = {}

    async def pull_subscribe_bind(self, *args: Any, **options: Any) -> TrackedPull:
        """Bind to a consumer as nats-py does, but with the client's inbox prefix instead of FastStream's default."""
        options.pop("inbox_prefix", None)
        pull = TrackedPull(await super().pull_subscribe_bind(*args, **options))
        self.by_stream[options["stream"]] = pull
        return pull
