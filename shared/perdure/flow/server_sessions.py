"""The sessions in which a run has worked with servers that keep state: its history knows them when a worker dies."""

from collections.abc import Iterable

from perdure.flow.messages import ToolResult
from perdure.flow.server_session import ServerSession

__all__ = ["ServerSessions"]


class ServerSessions:
    """The last session of each server.

    Attributes:
        used: Session by the name of its server.
    """

    def __init__(self) -> None:
        self.used: dict[str, ServerSession] = {}

    def ids(self, servers: Iterable[str]) -> dict[str, str]:
        """Return the ids of the sessions of these servers, by server."""
        return {name: self.used[name].id for name in servers if name in self.used}

    def queue(self, servers: Iterable[str]) -> str | None:
        """Return the task queue of the worker that holds the sessions of these servers; None if none is known."""
        queues = [self.used[name].task_queue for name in servers if name in self.used]
        return queues[-1] if queues else None

    def record(self, result: ToolResult) -> None:
        """Remember the session of a call; a lost one is forgotten, because the run has been notified."""
        if result.session is not None:
            self.used[result.session.server] = result.session
        if (lost := result.lost_session) is not None and self.ids([lost.server]).get(lost.server) == lost.id:
            del self.used[lost.server]  # unless a call at the same time has begun another
