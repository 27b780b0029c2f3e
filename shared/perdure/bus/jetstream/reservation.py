"""Gives a stream as much of its bound as the server can reserve: a bound of a stream reserves room on the disk."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nats.js.api import StreamConfig
from nats.js.errors import APIError

from perdure.bus.jetstream.stream_limits import marked_bound

__all__ = ["store_fitting"]

_NO_STORAGE: Final = 10047  # JSStorageResourcesExceededErr
_SMALLER: Final = 0.3  # leaves room for the other streams: no two bounds fill what a power of two leaves
_SMALLEST_BOUND: Final = 1024 * 1024  # bytes

_log = logging.getLogger(__name__)


async def store_fitting(
    config: StreamConfig, store: Callable[[StreamConfig], Awaitable[object]], *, former: int = -1
) -> None:
    """Store a stream's configuration, with as much of its bound as the server can reserve on its disk.

    Args:
        config: The configuration.
        store: Adds or updates the stream.
        former: The bound that the stream has, if it has one; it stays if there is no room for another.
    """
    bound = asked = config.max_bytes or -1
    while True:
        try:
            await store(config if bound == asked else marked_bound(config, bound))
        except APIError as error:
            if error.err_code != _NO_STORAGE or bound <= _SMALLEST_BOUND or bound == former:
                raise
            bound = former if former > 0 else int(bound * _SMALLER)
        else:
            break
    if bound != asked:
        _log.warning("NATS cannot reserve %s bytes for %s: it is full at %s bytes", asked, config.name, bound)
