"""Cuts and delays the connections between services and servers."""

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


class Partition:
    """Cuts connections: half of the cuts close them, the others hold back every byte.

    Attributes:
        targets: Servers, and services with a server.
    """

    def __init__(self, wires: Wires, processes: Processes) -> None:
        self._wires = wires
        self._processes = processes
        self.targets: Sequence[str] = wire_targets(wires)

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Cut, mend, and wait until the services are ready."""
        wires = struck_wires(self._wires, strike.target)
        closes = strike.roll < 1 / 2
        for wire in wires:
            wire.cut() if closes else wire.silence()
        try:
            yield f"{'closed' if closes else 'silent'} for {strike.seconds:.1f} s"
        finally:
            _mend(wires)
        await _all_ready(self._wires, self._processes)


class Delay:
    """Delays connections.

    Attributes:
        targets: Servers, and services with a server.
    """

    def __init__(self, wires: Wires, processes: Processes) -> None:
        self._wires = wires
        self._processes = processes
        self.targets: Sequence[str] = wire_targets(wires)

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Delay every byte, mend, and wait until the services are ready."""
        wires = struck_wires(self._wires, strike.target)
        delay = _LEAST_DELAY + strike.roll * (_LONGEST_DELAY - _LEAST_DELAY)
        for wire in wires:
            wire.delay = delay
        try:
            yield f"{delay * 1000:.0f} ms each way for {strike.seconds:.1f} s"
        finally:
            _mend(wires)
        await _all_ready(self._wires, self._processes)


def _mend(wires: Sequence[Wire]) -> None:
    for wire in wires:
        wire.mend()


async def _all_ready(wires: Wires, processes: Processes) -> None:
    for name in dict.fromkeys(name for name, _ in wires):
        await processes.ready(name)
