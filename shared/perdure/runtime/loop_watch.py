"""Notices code that keeps an event loop from going on, from a thread beside it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from perdure.runtime.blocking import place_of_thread

__all__ = ["watch_loop", "watched_loop"]

_LOOKS_EVERY: Final = 0.5  # seconds
_BLOCKED_AFTER: Final = 2.0  # seconds


@contextmanager
def watched_loop(blocked: Callable[[str], None]) -> Iterator[None]:
    """Watch the running event loop for the duration of the block; arguments as in ``watch_loop``."""
    stop = threading.Event()
    loop, thread = asyncio.get_running_loop(), threading.current_thread()
    threading.Thread(
        target=watch_loop, args=(loop, thread, blocked), kwargs={"stop": stop}, name="loop-watch", daemon=True
    ).start()
    try:
        yield
    finally:
        stop.set()


def watch_loop(
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    blocked: Callable[[str], None],
    *,
    stop: threading.Event | None = None,
) -> None:
    """Watch a loop until it is closed or the watch shall stop.

    Args:
        loop: The loop.
        thread: The thread in which it runs.
        blocked: Called in this thread, once each time that something has kept the loop from going on for two seconds;
            with the place, ``file:line (function)``.
        stop: Set when the watch shall stop.
    """
    stop = stop or threading.Event()
    while thread.is_alive() and not stop.is_set():
        went_on = threading.Event()
        try:
            loop.call_soon_threadsafe(went_on.set)
        except RuntimeError:  # it is closed
            return
        if not went_on.wait(_BLOCKED_AFTER) and not stop.is_set():
            blocked(place_of_thread(thread))
            while not went_on.wait(_LOOKS_EVERY) and not stop.is_set() and thread.is_alive():
                pass
        stop.wait(_LOOKS_EVERY)
