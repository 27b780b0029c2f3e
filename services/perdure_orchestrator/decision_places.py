"""The place at which each verified decision was stored first: a repetition never reaches Temporal.

Each signal is an event of a run's history, which Temporal limits; whoever captures a decision may publish it for ever.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from perdure.approvers import canonical
from perdure.bus import KeyValue

__all__ = ["DecisionPlaces"]

_PREFIX: Final = "decision."
_RELEASED: Final = b""


class DecisionPlaces:
    """Claims the bytes that a signature covers for the first place at which they are stored.

    The bytes are RFC 8785's form without the signature: other spaces, or another spelling of the signature, make no
    other decision. Only verified decisions may claim, else a stranger would use them up.
    """

    def __init__(self, entries: KeyValue) -> None:
        self._entries = entries

    async def claim(self, body: Mapping[str, JsonValue], place: str) -> str:
        """Return the place that has the claim: this one, also if it is delivered again, or an earlier one.

        Raises:
            Unavailable: The bucket does not answer.
        """
        key = _key(body)
        while not await self._entries.create(key, place.encode()):
            found = await self._entries.read(key)
            if found is None:
                continue  # it has expired meanwhile
            if found.value != _RELEASED:
                return found.value.decode()
            if await self._entries.replace(key, place.encode(), revision=found.revision):
                break
        return place

    async def release(self, body: Mapping[str, JsonValue]) -> None:
        """Give up the claim of a decision that reached no run: the next repetition may.

        Raises:
            Unavailable: The bucket does not answer.
        """
        await self._entries.put(_key(body), _RELEASED)


def _key(body: Mapping[str, JsonValue]) -> str:
    return _PREFIX + sha256(canonical(body)).hexdigest()
