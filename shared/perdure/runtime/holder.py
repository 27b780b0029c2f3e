"""The name under which a process holds leases."""

import os
import socket

__all__ = ["holder_name"]


def holder_name(port: int) -> str:
    """Return a name that a restarted process has again, so that it continues at once.

    Args:
        port: The port on which it listens; no other process of the host does. 0 is any free port.
    """
    return f"{socket.gethostname()}:{port or f'process {os.getpid()}'}"
