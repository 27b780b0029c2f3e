"""Chooses the ports of a local suite: the requested, else the remembered, else the standard, else any free one."""

import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from perdure.errors import SetupError

__all__ = ["Requested", "choose_ports", "is_free", "taken"]

# Below Linux's ephemeral ports, which outgoing connections take: a restarted server finds its port free.
_ANY: Final = range(20_000, 32_000)
_ATTEMPTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Requested:
    """A port that the user requests: it is used, or nothing starts.

    Attributes:
        by: The option or configuration key that names it.
    """

    port: int
    by: str


def choose_ports(
    standard: Mapping[str, int],
    *,
    remembered: Mapping[str, int],
    requested: Mapping[str, Requested],
    take: Callable[[int], bool] | None = None,
    holder_of: Callable[[int], str | None] = lambda _: None,
) -> dict[str, int]:
    """Return a port for every name in ``standard``, where zero stands for any free port.

    Args:
        standard: The default ports, by the names of their programs.
        remembered: The ports of the last start.
        requested: The ports that the user requests.
        take: Reserves a port, and returns whether it could; by default only looks whether it is free.
        holder_of: Returns which suite has reserved a port.

    Raises:
        SetupError: A requested port is taken, or requested twice.
    """
    take = take or is_free
    chosen: dict[str, int] = {}
    for name in standard:
        if name not in requested:
            continue
        port, by = requested[name].port, requested[name].by
        if twin := next((other for other in chosen if chosen[other] == port), None):
            raise SetupError(
                f"Port {port} is requested for both {twin} ({requested[twin].by}) and {name} ({by}): give each a port "
                "of its own."
            )
        if not take(port):
            raise SetupError(taken(name, requested[name], holder_of(port)))
        chosen[name] = port
    for name, standard_port in standard.items():
        if name in chosen:
            continue
        preferred = [port for port in (remembered.get(name, 0), standard_port) if port and port not in chosen.values()]
        chosen[name] = next(filter(take, preferred), 0) or _any_free(chosen, take)
    return chosen


def taken(name: str, requested: Requested, holder: str | None = None) -> str:
    """Return the sentence on a requested port that is taken, by the suite of ``holder`` or another program."""
    owner = f"belongs to {holder}" if holder else "is taken by another program"
    return (
        f"Port {requested.port}, requested for {name} by {requested.by}, {owner}. Stop what listens there, or request "
        f"another port with {requested.by}; without it a free port is chosen."
    )


def is_free(port: int) -> bool:
    """Return whether a program could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_free(chosen: Mapping[str, int], take: Callable[[int], bool]) -> int:
    candidates = (port for port in random.sample(_ANY, _ATTEMPTS) if port not in chosen.values())
    port = next(filter(take, candidates), None)
    if port is None:
        raise SetupError(f"No port from {_ANY[0]} to {_ANY[-1]} is free: stop some programs.")
    return port
