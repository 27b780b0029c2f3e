"""The ledger of SIGNALS: a signal counts once, however often it is delivered and whatever Temporal has forgotten."""

from hashlib import sha256
from typing import Final

from perdure.bus import KeyValue, RawMessage
from perdure.bus.envelope import MESSAGE_ID, header
from perdure.bus.views.start_ledger import Claim

__all__ = ["SignalPlaces"]

_PREFIX: Final = "signal."
_TRIED: Final = b""
_DONE: Final = b"done"


class SignalPlaces:
    """Claims signals by the places at which they are stored, for longer than SIGNALS are kept.

    NATS knows a message id for two minutes; that of a signal counts on here, so it may be sent again at any time.
    """

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

    async def is_repeated(self, signal: RawMessage, place: str) -> bool:
        """Return whether a run has a signal of the same message id and name, which is stored at another place.

        Raises:
            Unavailable: As in ``claim``.
        """
        key = _id_key(signal)
        return key is not None and await self._entries.get(key) not in {None, place.encode()}

    async def remember(self, signal: RawMessage, place: str) -> None:
        """Record that a run has the signal of a message id; signals of a run are handled in order: it is the first.

        Raises:
            Unavailable: As in ``claim``.
        """
        if (key := _id_key(signal)) is not None:
            await self._entries.create(key, place.encode())


def _id_key(signal: RawMessage) -> str | None:
    """Return the key of a signal's message id on its subject; None if it has no id."""
    message_id = header(signal.headers, MESSAGE_ID)
    return message_id and f"{_PREFIX}id.{sha256(f'{signal.subject} {message_id}'.encode()).hexdigest()}"
