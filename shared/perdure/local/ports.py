"""Chooses the ports of a local suite: the requested, else the remembered, else the standard, else any free one."""

import socket
from collections.abc import Mapping

from perdure.errors import SetupError

__all__ = ["choose_ports", "is_free"]


def choose_ports(
    standard: Mapping[str, int], *, remembered: Mapping[str, int], requested: Mapping[str, int]
) -> dict[str, int]:
    """Return a port for every name in ``standard``, where zero stands for any free port.

    Raises:
        SetupError: A requested port is taken, or requested twice.
    """
    chosen = _check_requested({name: requested[name] for name in standard if name in requested})
    for name, standard_port in standard.items():
        if name in chosen:
            continue
        preferred = [port for port in (remembered.get(name, 0), standard_port) if port and port not in chosen.values()]
        chosen[name] = next(filter(is_free, preferred), 0) or _any_free(chosen)
    return chosen


def _check_requested(requested: Mapping[str, int]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for name, port in requested.items():
        if twin := next((other for other in chosen if chosen[other] == port), None):
            raise SetupError(f"Port {port} is requested for both {twin} and {name}: give each a port of its own.")
        if not is_free(port):
            raise SetupError(
                f"Port {port}, requested for {name}, is taken. Stop the program that listens there, request another "
                "port, or omit the option."
            )
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Return whether a program could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_free(chosen: Mapping[str, int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in chosen.values():
            return port
