"""Cuts and delays the connections between services and servers."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from perdure.chaos.processes import Processes
from perdure.chaos.strike import Strike
from perdure.chaos.wire import Wire
from perdure.local.services import service_of

__all__ = ["Delay", "Partition", "Wires", "struck_wires", "wire_targets"]

Wires = Mapping[tuple[str, str], Wire]
"""The proxy of each process before each server: ``("ingest-2", "nats")``."""

_LONGEST_DELAY: Final = 0.4  # seconds in each direction
_LEAST_DELAY: Final = 0.02


def wire_targets(wires: Wires) -> list[str]:
    """Return what can be cut: all connections of a server, or those of one service, as ``ingest-nats``."""
    servers = dict.fromkeys(server for _, server in wires)
    services = dict.fromkeys(f"{service_of(name)}-{server}" for name, server in wires)
    return [*servers, *services]


def struck_wires(wires: Wires, target: str) -> list[Wire]:
    """Return the connections of a target."""
    return [wire for (name, server), wire in wires.items() if target in {server, f"{service_of(name)}-{server}"}]


class _WireFault(ABC):
    """Impairs the connections of a target for a while.

    Attributes:
        targets: Servers, and services with a server.
    """

    def __init__(self, wires: Wires, processes: Processes) -> None:
        self._wires = wires
        self._processes = processes
        self.targets: Sequence[str] = wire_targets(wires)

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Impair, mend, and wait until the services are ready."""
        wires = struck_wires(self._wires, strike.target)
        what = self._impair(wires, strike)
        try:
            yield f"{what} for {strike.seconds:.1f} s"
        finally:
            for wire in wires:
                wire.mend()
        for name in dict.fromkeys(name for name, _ in self._wires):
            await self._processes.ready(name)

    @abstractmethod
    def _impair(self, wires: Sequence[Wire], strike: Strike) -> str:
        """Impair the connections, and return in which way."""


class Partition(_WireFault):
    """Cuts connections: half of the cuts close them, the others hold back every byte."""

    def _impair(self, wires: Sequence[Wire], strike: Strike) -> str:
        closes = strike.roll < 1 / 2
        for wire in wires:
            wire.cut() if closes else wire.silence()
        return "closed" if closes else "silent"


class Delay(_WireFault):
    """Delays every byte of connections."""

    def _impair(self, wires: Sequence[Wire], strike: Strike) -> str:
        delay = _LEAST_DELAY + strike.roll * (_LONGEST_DELAY - _LEAST_DELAY)
        for wire in wires:
            wire.delay = delay
        return f"{delay * 1000:.0f} ms each way"
