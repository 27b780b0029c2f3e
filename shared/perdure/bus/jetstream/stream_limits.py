"""What a stream keeps, by configuration: what an operator has set by other means stays.

The limits that Perdure has set are in the metadata of the stream. One that differs from them is the operator's own.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from nats.js.api import DiscardPolicy, StreamConfig

__all__ = ["marked", "marked_bound", "with_limits", "without_loss"]

_PREFIX: Final = "perdure."
_UNLIMITED: Final = -1

Limit = TypeVar("Limit", int, float)


def marked(config: StreamConfig) -> StreamConfig:
    """Return a configuration whose metadata names its limits as those that Perdure has set."""
    limits = {f"{_PREFIX}max_age": repr(config.max_age or 0.0), f"{_PREFIX}max_bytes": repr(config.max_bytes)}
    return config.evolve(metadata={**(config.metadata or {}), **limits})


def marked_bound(config: StreamConfig, bound: int) -> StreamConfig:
    """Return a configuration with another bound, whose metadata names it as one that Perdure has set."""
    return config.evolve(max_bytes=bound, metadata={**(config.metadata or {}), f"{_PREFIX}max_bytes": repr(bound)})


def without_loss(found: StreamConfig, wanted: StreamConfig) -> StreamConfig:
    """Return the configuration of a stream that shall refuse, where its own bound would delete what nobody has handled.

    Args:
        found: As the stream is.
        wanted: As Perdure makes it.
    """
    if wanted.discard == DiscardPolicy.NEW and (found.max_bytes or _UNLIMITED) != _UNLIMITED:
        return found.evolve(discard=DiscardPolicy.NEW)
    return found


def with_limits(found: StreamConfig, wanted: StreamConfig, *, formerly: StreamConfig) -> StreamConfig:
    """Return the configuration of a stream with the wanted limits, apart from those that its operator has set.

    Args:
        found: As the stream is.
        wanted: As the configuration wants it.
        formerly: As 0.1 made it, which marked nothing.
    """
    metadata = found.metadata or {}

    def limit(name: str, of: Callable[[StreamConfig], Limit | None], kind: Callable[[str], Limit]) -> Limit | None:
        mark = metadata.get(_PREFIX + name)
        ours = of(formerly) if mark is None else kind(mark)
        return of(wanted) if of(found) == ours else of(found)

    max_age = limit("max_age", lambda it: float(it.max_age or 0), float)
    max_bytes = limit("max_bytes", lambda it: it.max_bytes or _UNLIMITED, int)
    needed = found.evolve(max_age=max_age, max_bytes=max_bytes)
    if max_age:
        needed = needed.evolve(duplicate_window=min(needed.duplicate_window, max_age))
    if max_bytes == wanted.max_bytes:
        needed = needed.evolve(discard=wanted.discard)
    if needed == found:
        return found
    marks = marked(wanted).metadata or {}
    return needed.evolve(metadata={**metadata, **marks})
