"""Which ports a local suite takes: those asked for, else those of last time, else the standard ones, else free ones."""

import socket
from collections.abc import Mapping

from perdure.errors import SetupError

__all__ = ["choose_ports", "is_free"]


def choose_ports(
    standard: Mapping[str, int], *, remembered: Mapping[str, int], asked: Mapping[str, int]
) -> dict[str, int]:
    """Return a port for every name in ``standard``; zero there means that any will do.

    Raises:
        SetupError: A port that was asked for is taken, or asked for twice.
    """
    chosen = _asked({name: asked[name] for name in standard if name in asked})
    for name, usual in standard.items():
        if name in chosen:
            continue
        wishes = [port for port in (remembered.get(name, 0), usual) if port and port not in chosen.values()]
        chosen[name] = next(filter(is_free, wishes), 0) or _any_free(chosen)
    return chosen


def _asked(asked: Mapping[str, int]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for name, port in asked.items():
        if twin := next((other for other in chosen if chosen[other] == port), None):
            raise SetupError(f"Port {port} is asked for twice, for {twin} and for {name}: each needs one of its own.")
        if not is_free(port):
            raise SetupError(
                f"Port {port}, asked for {name}, is taken. Stop what listens there, choose another, or leave the "
                "choice to Perdure."
            )
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Tell whether somebody could listen on this port of the loopback interface now."""
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
