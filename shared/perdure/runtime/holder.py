"""The name under which a process holds leases."""

import os
import socket

from perdure.config.settings import ServiceSettings

__all__ = ["lease_holder"]


def lease_holder(settings: ServiceSettings) -> str:
    """Return the name of a service's process.

    A restarted process has the same name, because no other process on the host listens on its port.
    """
    port = settings.http_port or f"process {os.getpid()}"
    return f"{socket.gethostname()}:{port}"
