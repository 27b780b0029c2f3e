"""Strikes with one fault after another, each over before the next."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from perdure.chaos.strike import DURATIONS, Fault, Healed, Struck, strike_order

__all__ = ["Striker"]

_RECOVERY: Final = 1.5  # seconds, about; how long a target needs to be back


class Striker:
    """Strikes in the order of a seed.

    Args:
        faults: The faults, by kind.
        seed: Determines the order.
        report: Called when a fault begins and when it is over.
    """

    def __init__(self, faults: Mapping[str, Fault], seed: int, *, report: Callable[[Struck | Healed], None]) -> None:
        self._faults = faults
        targets = {kind: fault.targets for kind, fault in faults.items()}
        self._missing = {(kind, target) for kind, names in targets.items() for target in names}
        self._order = strike_order(targets, seed)
        self._report = report
        self._began = time.monotonic()

    @property
    def has_struck_all(self) -> bool:
        """Whether each target of each fault was struck."""
        return not self._missing

    def seconds_of_a_round(self, every: float) -> float:
        """Return about how long it takes to strike each target once, with so many seconds between two faults."""
        lasting = [sum(DURATIONS[kind]) / 2 for kind, fault in self._faults.items() for _ in fault.targets]
        return sum(every + it + _RECOVERY for it in lasting)

    async def strike(self) -> None:
        """Strike the next target, and wait until the fault is over and the target back.

        Raises:
            PerdureError: The target is not back in time.
        """
        strike = next(self._order)
        began = time.monotonic()
        async with self._faults[strike.fault].struck(strike) as detail:
            self._report(Struck(strike.fault, strike.target, detail, began - self._began))
            await asyncio.sleep(strike.seconds)
        self._missing.discard((strike.fault, strike.target))
        self._report(Healed(strike.fault, strike.target, time.monotonic() - began))
