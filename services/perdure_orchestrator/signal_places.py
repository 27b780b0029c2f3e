"""The ledger of SIGNALS: a signal counts once, however often it is delivered and whatever Temporal has forgotten."""

from typing import Final

from perdure.bus import KeyValue
from perdure.bus.views.start_ledger import Claim

__all__ = ["SignalPlaces"]

_PREFIX: Final = "signal."
_TRIED: Final = b""
_DONE: Final = b"done"


class SignalPlaces:
    """Claims signals by the places at which they are stored, for longer than SIGNALS are kept."""

    def __init__(self, entries: KeyValue) -> None:
        self._entries = entries

    async def claim(self, place: str) -> Claim:
        """Claim a signal before it is handed to its run.

        Raises:
            Unavailable: The bucket does not answer.
        """
        if await self._entries.create(_PREFIX + place, _TRIED):
            return Claim.NEW
        return Claim.DONE if await self._entries.get(_PREFIX + place) == _DONE else Claim.TRIED

    async def mark_done(self, place: str) -> None:
        """Record that a run has a signal.

        Raises:
            Unavailable: As in ``claim``.
        """
        await self._entries.put(_PREFIX + place, _DONE)
