"""Whether requests go out to a provider or a model that has failed: a state machine without a clock and without I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["Breaker"]

_MOST_FAILING: Final = 5  # steps: one whose own request is at fault keeps nobody else waiting
_FIRST_PAUSE: Final = 1.0  # seconds; doubled with each probe that fails
_LONGEST_PAUSE: Final = 60.0  # seconds; so long may a provider be back before anybody notices


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed, all requests go out. It opens when several steps in a row have failed, or when a wait is demanded.

    Open, one request goes out at a time, as a probe, with a pause before each. The probe's answer closes it. Instants
    are seconds of any clock that never goes back.

    Attributes:
        failing: The steps that have failed since the last answer.
        is_open: Whether only probes go out.
        until: Then nothing goes out before this instant.
        vain: How many probes have failed since it opened.
        probing: Whether a probe is out.
    """

    failing: frozenset[str] = frozenset()
    is_open: bool = False
    until: float = 0.0
    vain: int = 0
    probing: bool = False

    def wait(self, now: float) -> float:
        """Return after how many seconds to ask again whether a request may go out; 0 if one may now."""
        if not self.is_open:
            return 0.0
        return max(self.until - now, _pause(self.vain) if self.probing else 0.0)

    def sent(self) -> Breaker:
        """Return the state after a request went out; while it is open that is the probe."""
        return replace(self, probing=self.is_open)

    def answered(self, *, probe: bool) -> Breaker:
        """Return the state after an answer, be it a refusal; one that was sent before it opened proves nothing."""
        return self if self.is_open and not probe else Breaker()

    def failed(self, step: str, now: float, *, demanded: float | None, probe: bool) -> Breaker:
        """Return the state after a request failed.

        Args:
            step: Whose request it was.
            now: The instant.
            demanded: How many seconds to wait the provider demanded (``Retry-After``).
            probe: Whether the request went out as the probe.
        """
        failing = self.failing if self.is_open else self.failing | {step}
        if not self.is_open and not demanded and len(failing) < _MOST_FAILING:
            return replace(self, failing=failing)
        vain, until = self.vain + probe, max(self.until, now + (demanded or 0.0))
        if probe or not (self.is_open or demanded):
            until = max(until, now + _pause(vain))
        return Breaker(failing, is_open=True, until=until, vain=vain, probing=self.probing and not probe)

    def given_up(self, *, probe: bool) -> Breaker:
        """Return the state after the sender of a request was cancelled: another one may be the probe."""
        return replace(self, probing=False) if probe else self


def _pause(vain: int) -> float:
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(vain, 16))
