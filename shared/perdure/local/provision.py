"""Creates and migrates the JetStream streams as the operator, once, before any service starts."""

import asyncio
from collections.abc import Callable
from typing import Final

from perdure.bus import connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.local.program import Program

__all__ = ["Provisioner"]

_POLL_EVERY: Final = 0.02  # seconds


class Provisioner:
    """Provisions the streams when the first service waits for it; the others wait for the same.

    Args:
        nats: Returns the server; it may move to another port while services wait.
        operator: Returns the settings of the operator's connection to it.
        settings: What streams keep, and their replicas.
    """

    def __init__(
        self, nats: Callable[[], Program], operator: Callable[[], NatsSettings], settings: NatsSettings
    ) -> None:
        self._nats = nats
        self._operator = operator
        self._settings = settings
        self._lock = asyncio.Lock()
        self._done = False

    async def wait(self) -> None:
        """Provision the streams unless that is done, and return.

        Raises:
            SetupError: An existing stream is configured such that it loses messages.
        """
        async with self._lock:
            if not self._done:
                while not await self._nats().ready():
                    await asyncio.sleep(_POLL_EVERY)
                async with connect(self._operator(), source="perdure/up") as bus:
                    await provision(bus.js, "operator", self._settings)
                self._done = True
