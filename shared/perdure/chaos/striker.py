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
        strikes: How often it strikes; None for each target once, then on as long as there is load.
        report: Called when a fault begins and when it is over.
    """

    def __init__(
        self,
        faults: Mapping[str, Fault],
        seed: int,
        *,
        strikes: int | None = None,
        report: Callable[[Struck | Healed], None],
    ) -> None:
        self._faults = faults
        targets = {kind: fault.targets for kind, fault in faults.items()}
        self._goes_on = strikes is None
        self._left = strikes or sum(map(len, targets.values()))
        self._order = strike_order(targets, seed)
        self._report = report
        self._began = time.monotonic()

    @property
    def is_enough(self) -> bool:
        """Whether it has struck as often as it shall."""
        return self._left <= 0

    def seconds(self, every: float) -> float:
        """Return about how long all strikes take, with so many seconds between two of them."""
        lasting = [sum(DURATIONS[kind]) / 2 for kind, fault in self._faults.items() for _ in fault.targets]
        return self._left * (every + sum(lasting) / len(lasting) + _RECOVERY)

    async def strike(self) -> None:
        """Strike the next target, if it shall, and wait until the fault is over and the target back.

        Raises:
            PerdureError: The target is not back in time.
        """
        if self.is_enough and not self._goes_on:
            return
        strike = next(self._order)
        began = time.monotonic()
        async with self._faults[strike.fault].struck(strike) as detail:
            self._report(Struck(strike.fault, strike.target, detail, began - self._began))
            await asyncio.sleep(strike.seconds)
        self._left -= 1
        self._report(Healed(strike.fault, strike.target, time.monotonic() - began))
