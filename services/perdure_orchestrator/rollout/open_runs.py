"""The open runs: where each is, and whether its history replays against the new code."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from perdure.values.replay import RunReplay
from perdure.versions.places import Place

__all__ = ["ProvenRun", "ProvenRuns"]


@dataclass(frozen=True, slots=True)
class ProvenRun:
    """An open run.

    Attributes:
        replay: What its replay against the new code has shown.
        place: Where it is.
    """

    replay: RunReplay
    place: Place

    @property
    def build(self) -> str | None:
        """The build on which it goes on; None if it has no version."""
        return self.place.build


@dataclass(slots=True)
class ProvenRuns:
    """Replays open runs, and again only if one has gone on since: most wait.

    Attributes:
        places: Finds out where each open run is.
        build: The build of the new code.
        replay: Replays every open run against it.
    """

    places: Callable[[], Awaitable[Sequence[Place]]]
    build: str
    replay: Callable[[], Awaitable[Sequence[RunReplay]]]
    _proofs: dict[str, RunReplay] = field(default_factory=dict)
    _lengths: dict[str, int] = field(default_factory=dict)

    async def look(self) -> list[ProvenRun]:
        """Return all open runs as they are now.

        Raises:
            RPCError: Temporal does not answer.
            SetupError: The code does not load.
            Unavailable: A server does not answer.
        """
        places = await self.places()
        if not all(map(self._is_proven, places)):
            self._proofs = {run.run_id: run for run in await self.replay()}
            self._lengths = {place.run_id: place.length for place in places}
        return [ProvenRun(self._proofs[place.run_id], place) for place in places if place.run_id in self._proofs]

    def expect(self, run: ProvenRun) -> None:
        """Take notice that a run was moved: its history has an event more."""
        self._lengths[run.place.run_id] += 1

    def _is_proven(self, place: Place) -> bool:
        """Return whether a run has not gone on since its replay, or goes on with the new code already."""
        if place.build == place.last == self.build and place.run_id in self._proofs:
            return True
        return place.length <= self._lengths.get(place.run_id, -1)
