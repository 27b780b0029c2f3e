"""How full a stream is: what `perdure doctor` and alerts say of it."""

from typing import Final

from perdure.bus.topology import Stream
from perdure.values.size_text import size_text

__all__ = ["crowded"]

_NEARLY_FULL: Final = 0.85  # of a bound: from 80 % on, services make room


def crowded(stream: Stream, *, bound: int, stored: int) -> str | None:
    """Return how full a stream is and what follows, if it is nearly full.

    Args:
        stream: The stream with its configured limits.
        bound: What the server has as its bound; -1 is none.
        stored: The bytes that it holds.
    """
    most = bound if stream.trimmed_by else stream.max_bytes
    if most <= 0 or stored < _NEARLY_FULL * most:
        return None
    size = f"{stream.name} is {100 * stored / most:.0f} % full ({size_text(stored)} of {size_text(most)})"
    if stream.trimmed_by:
        return f"{size}, and then refuses: what all services have settled is removed"
    return f"{size}, and goes on growing: give it a shorter age or a larger size (`nats.streams.{stream.name}`)"
