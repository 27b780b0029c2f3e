"""Guards the durable consumers of a service, without which it receives nothing, or everything again."""

import asyncio
import logging
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from perdure.bus.app import App
from perdure.bus.jetstream.floors import ConsumerFloor
from perdure.bus.jetstream.provision import provision
from perdure.bus.topology import CONSUMERS
from perdure.config.nats import NatsSettings
from perdure.errors import SetupError, Unavailable

__all__ = ["ConsumerGuard"]

_CHECK_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class ConsumerGuard:
    """Checks that the server still has the consumers of an app where they were, and notes where they are."""

    def __init__(self, app: App, js: JetStreamContext, settings: NatsSettings) -> None:
        self._service = app.service
        self._js = js
        self._settings = settings
        consumed = {it.stream for it in app.subscriptions}
        self._floors = [
            ConsumerFloor(js, it) for it in CONSUMERS if it.service == app.service and it.stream in consumed
        ]
        self._is_complete = True

    async def is_complete(self) -> bool:
        """Return whether all consumers existed at the last check."""
        return self._is_complete

    async def check(self) -> None:
        """Check once, and mend; what was settled in the last seconds may be delivered again, as duplicates.

        Raises:
            NatsError: The server does not answer.
            SetupError: A stream was recreated with settings that lose messages.
            Unavailable: The server does not answer.
        """
        for floor in self._floors:
            try:
                mended = await floor.declare()
            except NotFoundError:
                self._is_complete = False
                _log.error("a stream was deleted; recreating it")
                await provision(self._js, self._service, self._settings)
            else:
                if not mended:
                    await floor.note()
        self._is_complete = True

    async def watch(self) -> None:
        """Check every few seconds, for ever."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await self.check()
            except (NatsError, SetupError, Unavailable) as error:
                _log.warning("cannot check the consumers: %r", error)
