"""Recreates deleted durable consumers, without which a service receives nothing."""

import asyncio
import logging
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from perdure.bus.app import App
from perdure.bus.jetstream.provision import provision
from perdure.config.nats import NatsSettings
from perdure.errors import SetupError

__all__ = ["ConsumerGuard"]

_CHECK_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class ConsumerGuard:
    """Checks that the server still has the consumers of an app."""

    def __init__(self, app: App, js: JetStreamContext, settings: NatsSettings) -> None:
        self._app = app
        self._js = js
        self._settings = settings
        self._is_complete = True

    async def is_complete(self) -> bool:
        """Return whether all consumers existed at the last check."""
        return self._is_complete

    async def check(self) -> None:
        """Check once, and recreate what is missing; acknowledged messages may be delivered again, as duplicates.

        Raises:
            NatsError: The server does not answer.
            SetupError: A stream was recreated with settings that lose messages.
        """
        for subscription in self._app.subscriptions:
            try:
                await self._js.consumer_info(subscription.stream, self._app.service)
            except NotFoundError:
                self._is_complete = False
                _log.error("the consumer of %s was deleted; recreating it", subscription.stream)
                await provision(self._js, self._app.service, self._settings)
        self._is_complete = True

    async def watch(self) -> None:
        """Check every few seconds, for ever."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await self.check()
            except (NatsError, SetupError) as error:
                _log.warning("cannot check the consumers: %r", error)
