"""A service that lost its consumers would hear nothing and not know it: here it looks, and declares them anew."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from perdure.background import background
from perdure.bus.app import App
from perdure.bus.topology import declare
from perdure.errors import SetupError

__all__ = ["Attention", "attending"]

_EVERY: Final = 5.0  # seconds

_log = logging.getLogger(__name__)


class Attention:
    """Whether the server still has what the app hears by."""

    def __init__(self, app: App, js: JetStreamContext, *, replicas: int = 1) -> None:
        self._app = app
        self._js = js
        self._replicas = replicas
        self._whole = True

    async def whole(self) -> bool:
        """Tell whether all consumers were there when they were last looked for."""
        return self._whole

    async def look(self) -> None:
        """Look once, and declare what is gone: messages that were acknowledged may come again, and are recognised.

        Raises:
            NatsError: The server does not answer.
            SetupError: A stream was made anew in a way that loses messages.
        """
        for ear in self._app.hears:
            try:
                await self._js.consumer_info(ear.stream, self._app.service)
            except NotFoundError:
                self._whole = False
                _log.error("the consumer of %s is gone: somebody deleted it; it is declared anew", ear.stream)
                await declare(self._js, self._app.service, replicas=self._replicas)
        self._whole = True


@asynccontextmanager
async def attending(app: App, js: JetStreamContext, *, replicas: int) -> AsyncIterator[Attention]:
    """Look every few seconds for as long as the block lasts."""
    attention = Attention(app, js, replicas=replicas)
    async with background(_look_for_ever(attention)):
        yield attention


async def _look_for_ever(attention: Attention) -> None:
    while True:
        await asyncio.sleep(_EVERY)
        try:
            await attention.look()
        except (NatsError, SetupError) as error:
            _log.warning("the consumers cannot be looked for: %r", error)
