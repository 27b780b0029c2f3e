"""Streams are made, and brought to what this version needs, by the operator alone: once, before any service starts."""

import asyncio
from typing import Final

from perdure.bus import connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.local.program import Program

__all__ = ["Provisioner"]

_LOOK_EVERY: Final = 0.02  # seconds


class Provisioner:
    """What all services wait for; the first who waits has it done."""

    def __init__(self, nats: Program, operator: NatsSettings, *, replicas: int) -> None:
        self._nats = nats
        self._operator = operator
        self._replicas = replicas
        self._lock = asyncio.Lock()
        self._done = False

    async def wait(self) -> None:
        """Return once it is done.

        Raises:
            SetupError: A stream was made in a way that loses messages.
        """
        async with self._lock:
            if not self._done:
                while not await self._nats.ready():
                    await asyncio.sleep(_LOOK_EVERY)
                async with connect(self._operator, source="perdure/up") as bus:
                    await provision(bus.js, "operator", replicas=self._replicas)
                self._done = True
