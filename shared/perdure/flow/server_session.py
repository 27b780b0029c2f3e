"""The session of a run with an MCP server that keeps state."""

from perdure.flow.payload import Payload

__all__ = ["HeldElsewhere", "ServerSession"]


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


class HeldElsewhere(Payload):
    """Why a call was not made: the session of its run is on another worker, as far as this one knows.

    Attributes:
        server: The server whose tool it is.
        activity_id: Of the activity that may have made this call already.
    """

    server: str
    activity_id: str
