"""What a service fetched and has not begun when it stops goes back to NATS at once, not after the wait for its ack.

FastStream pulls through what is here: it fetches more than it handles at a time, and forgets the rest at a stop.
"""

import asyncio
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import APIError, ServiceUnavailableError

__all__ = ["PullContext", "TrackedPull"]

_PAUSE: Final = 0.25  # seconds; FastStream would ask again at once for as long as a consumer has no leader, or is gone


class TrackedPull(JetStreamContext.PullSubscription):
    """A pull subscription that remembers what it gave until that is begun."""

    def __init__(self, given: JetStreamContext.PullSubscription) -> None:
        self.__dict__.update(vars(given))
        self._waiting: dict[str, Msg] = {}

    async def fetch(self, batch: int = 1, timeout: float | None = 5, heartbeat: float | None = None) -> list[Msg]:
        """Fetch messages, and keep calm where the server cannot give any."""
        try:
            messages = await super().fetch(batch, timeout, heartbeat)
        except TimeoutError as error:
            raise NatsTimeoutError from error  # the one kind that FastStream expects
        except APIError as error:
            await asyncio.sleep(_PAUSE)
            raise ServiceUnavailableError from error  # likewise
        self._waiting.update((message.reply, message) for message in messages)
        return messages

    def mark_started(self, message: Msg) -> None:
        """Take note that a message is in hand: it will be settled."""
        self._waiting.pop(message.reply, None)

    async def unsubscribe(self) -> None:
        """Fetch no more, and give back what nobody began: another process may have it now."""
        arrived = self._sub._pending_queue  # noqa: SLF001 (what came between two fetches lies nowhere else)
        await super().unsubscribe()
        while not arrived.empty():
            message = arrived.get_nowait()
            if not self._js.is_status_msg(message):
                self._waiting[message.reply] = message
        for message in self._waiting.values():
            await message.nak()
        self._waiting.clear()


class PullContext(JetStreamContext):
    """Makes pull subscriptions of that kind.

    Attributes:
        by_stream: Those that it made.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.by_stream: dict[str, TrackedPull] = {}

    async def pull_subscribe_bind(self, *args: Any, **options: Any) -> TrackedPull:
        """Bind to a consumer, as nats-py does; FastStream would have deliveries come where those of anybody come."""
        options.pop("inbox_prefix", None)
        fetching = TrackedPull(await super().pull_subscribe_bind(*args, **options))
        self.by_stream[options["stream"]] = fetching
        return fetching
