"""Publishes where the programs of a suite are, for everybody who looks into the state folder."""

from collections.abc import Callable, Mapping

from perdure.local.program_event import ProgramEvent, Ready, Stopped
from perdure.local.state import Endpoints, State

__all__ = ["PublishedEndpoints"]


class PublishedEndpoints:
    """Knows the process ids of the programs, and publishes them once all have started.

    Args:
        state: The state folder.
        endpoints: Returns the addresses of all programs, with the given process ids.
        count: How many programs start with the suite.
    """

    def __init__(self, state: State, endpoints: Callable[[Mapping[str, int]], Endpoints], count: int) -> None:
        self._state = state
        self._endpoints = endpoints
        self._count = count
        self._pids: dict[str, int] = {}
        self._is_open = False

    @property
    def endpoints(self) -> Endpoints:
        """The addresses and process ids, as of now."""
        return self._endpoints(self._pids)

    def note(self, event: ProgramEvent) -> None:
        """Take notice of what happens to a program."""
        if isinstance(event, Ready):
            self._pids[event.name] = event.pid
            self._is_open |= len(self._pids) == self._count
            self._publish()
        elif isinstance(event, Stopped):
            self._pids.pop(event.name, None)

    def rename(self, name: str, new: str) -> None:
        """Take notice that a program has another name."""
        self._pids = {new if known == name else known: pid for known, pid in self._pids.items()}

    def publish(self) -> None:
        """Publish what has changed."""
        self._publish()

    def _publish(self) -> None:
        if self._is_open:
            self._state.write_endpoints(self.endpoints)
