"""The sessions in which a run has worked with servers that keep state: its history knows them when a worker dies."""

from collections.abc import Iterable
from typing import Final

from temporalio import workflow

from perdure.flow.messages import ToolResult
from perdure.flow.server_session import ServerSession

__all__ = ["ServerSessions"]

_FOLLOWS_ITS_SESSION: Final = "perdure-calls-follow-their-session"  # a patch id: histories hold it


class ServerSessions:
    """The last session of each server.

    Attributes:
        used: Session by the name of its server.
    """

    def __init__(self) -> None:
        self.used: dict[str, ServerSession] = {}
        self._server_of = dict[tuple[tuple[str, ...], str], str]()

    def ids(self, servers: Iterable[str]) -> dict[str, str]:
        """Return the ids of the sessions of these servers, by server."""
        return {name: self.used[name].id for name in servers if name in self.used}

    def queue(self, servers: Iterable[str]) -> str | None:
        """Return the task queue of the worker that holds the sessions of these servers; None if none is known."""
        queues = [self.used[name].task_queue for name in servers if name in self.used]
        return queues[-1] if queues else None

    def each_has_its_queue(self, servers: Iterable[str]) -> bool:
        """Return whether each call goes to the worker of its own session: runs of before sent all to the last one."""
        return bool(self.ids(servers)) and workflow.patched(_FOLLOWS_ITS_SESSION)

    def server_of(self, servers: tuple[str, ...], tool: str) -> str | None:
        """Return whose session the tool has used, as far as the run knows; a single server's tool has no other."""
        server = servers[0] if len(servers) == 1 else self._server_of.get((servers, tool))
        return server if server in self.used else None

    def by_queue(self, servers: tuple[str, ...]) -> dict[str | None, tuple[str, ...]]:
        """Return the servers by the worker that answers for them; those without a session go with the first one."""
        with_session = [name for name in servers if name in self.used]
        first = self.used[with_session[0]].task_queue if with_session else None
        groups: dict[str | None, tuple[str, ...]] = {}
        for name in servers:
            queue = self.used[name].task_queue if name in self.used else first
            groups[queue] = (*groups.get(queue, ()), name)
        return groups

    def record(self, servers: tuple[str, ...], tool: str, result: ToolResult) -> None:
        """Remember the session of a call; a lost one is forgotten, because the run has been notified."""
        if result.session is not None:
            self.used[result.session.server] = result.session
            self._server_of[servers, tool] = result.session.server
        if result.lost_session is not None:
            self.forget(result.lost_session)

    def forget(self, lost: ServerSession) -> None:
        """Forget a session, unless a call at the same time has begun another."""
        if self.ids([lost.server]).get(lost.server) == lost.id:
            del self.used[lost.server]
