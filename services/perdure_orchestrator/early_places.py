"""Messages to runs whose start is held: their places wait in a bucket, so that nothing else waits for them.

In their stream they would stay unacknowledged, and take the room of others for days. No request of any run could expire
then, because that waits until every stored decision is handled.
"""

from typing import Final

from pydantic import TypeAdapter

from perdure.bus import KeyValue
from perdure.errors import Unavailable

__all__ = ["TOO_MANY", "EarlyPlaces"]

_KEY: Final = "early"  # of DECISIONS; that of another stream has its name behind it
_MOST_RUNS: Final = 1_000
_MOST_A_RUN: Final = 32
_MOST_BYTES: Final = 512 * 1024  # of one entry of the bucket: half of what nats-server takes by default

TOO_MANY: Final = (
    f"Too many messages wait for runs that have not begun, {_MOST_A_RUN} of one run or those of {_MOST_RUNS:,} runs"
)
"""Why a message does not wait, for people."""

_Places = dict[str, list[int]]
_PLACES: Final[TypeAdapter[_Places]] = TypeAdapter(_Places)


class EarlyPlaces:
    """The sequences in one stream of the messages that wait, by workflow id, oldest first.

    What was read is kept until ``forget``: another bridge may have changed it, which the next change then finds out.
    """

    def __init__(self, entries: KeyValue, stream: str) -> None:
        self._entries = entries
        self._key = _KEY if stream == "DECISIONS" else f"{_KEY}.{stream}"
        self._revision = 0
        self._places: _Places | None = None

    def forget(self) -> None:
        """Read the bucket again at the next use: another bridge may have changed it."""
        self._places = None

    async def places(self) -> _Places:
        """Return what waits.

        Raises:
            Unavailable: The bucket does not answer.
        """
        if self._places is None:
            found = await self._entries.read(self._key)
            self._revision = 0 if found is None else found.revision
            self._places = {} if found is None else _PLACES.validate_json(found.value)
        return self._places

    async def done_until(self, sequence: int) -> int:
        """Return up to which sequence, at most the given one, nothing waits, whichever bridge has it wait.

        Raises:
            Unavailable: The bucket does not answer.
        """
        self.forget()
        waiting = (await self.places()).values()
        return min([sequence, *(place - 1 for places in waiting for place in places)])

    async def add(self, workflow_id: str, sequence: int) -> bool:
        """Let a message wait behind the others of its run; returns False if too many wait.

        Raises:
            Unavailable: The bucket does not answer, or another bridge has changed it.
        """
        places = await self.places()
        waiting = places.get(workflow_id, [])
        if sequence in waiting:
            return True
        if len(waiting) >= _MOST_A_RUN or (not waiting and len(places) >= _MOST_RUNS):
            return False
        more = {**places, workflow_id: sorted([*waiting, sequence])}
        if len(_PLACES.dump_json(more)) > _MOST_BYTES:
            return False
        await self._store(more)
        return True

    async def remove(self, workflow_id: str, sequence: int) -> None:
        """Let a message wait no longer.

        Raises:
            Unavailable: As ``add``.
        """
        places = await self.places()
        left = [waiting for waiting in places.get(workflow_id, []) if waiting != sequence]
        others = {run: waiting for run, waiting in places.items() if run != workflow_id}
        await self._store(others | ({workflow_id: left} if left else {}))

    async def _store(self, places: _Places) -> None:
        stored = await self._entries.replace(self._key, _PLACES.dump_json(places), revision=self._revision)
        self.forget()
        if not stored:
            raise Unavailable("Another bridge has changed what waits for runs that have not begun")
