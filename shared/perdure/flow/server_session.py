"""The session of a run with an MCP server that keeps state."""

from perdure.flow.payload import Payload

__all__ = ["ServerSession"]


class ServerSession(Payload):
    """One session.

    Attributes:
        server: The name of the server.
        id: The session's name on the worker that holds it.
        task_queue: Where only that worker takes calls.
    """

    server: str
    id: str
    task_queue: str | None = None
