"""The event loop of coroutine functions that authors give as tools, in a thread of its own.

Their code may block. In the worker's own loop that would stop the heartbeats of all steps of the process, and Temporal
would take these for dead.
"""

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, TypeVar

from perdure.runtime.loop_watch import watch_loop

__all__ = ["FunctionLoop", "until_ended"]

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class FunctionLoop:
    """Runs coroutines one beside the other in one thread, and says where one of them blocks it."""

    async def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end; a cancellation reaches it, and counts once it has ended."""
        here = asyncio.get_running_loop()
        outcome: asyncio.Future[Result] = here.create_future()
        tasks: list[asyncio.Task[Result]] = []

        def begin() -> None:
            task = self._loop.create_task(coroutine)
            tasks.append(task)
            task.add_done_callback(lambda ended: here.call_soon_threadsafe(_copy, ended, outcome))

        self._loop.call_soon_threadsafe(begin)
        return await until_ended(outcome, lambda: self._loop.call_soon_threadsafe(_cancel, tasks))

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name="functions", daemon=True)
        thread.start()
        threading.Thread(target=watch_loop, args=(loop, thread, _blocked), name="functions-watch", daemon=True).start()
        weakref.finalize(self, _stop, loop)
        return loop


async def until_ended(running: asyncio.Future[Result], cancel: Callable[[], object] = lambda: None) -> Result:
    """Wait for an author's code; a cancellation counts once it has ended: an undo must not overtake it.

    Args:
        running: The code.
        cancel: Passes the cancellation on, if the code can take one.
    """
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancel()
        await asyncio.wait({running})
        raise


def _cancel(tasks: list[asyncio.Task[Result]]) -> None:
    for task in tasks:  # there is one, since the loop has begun it by now
        task.cancel()


def _copy(ended: asyncio.Task[Result], outcome: asyncio.Future[Result]) -> None:
    if ended.cancelled():
        outcome.cancel()
    elif (error := ended.exception()) is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(ended.result())


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)


def _blocked(place: str) -> None:
    _log.warning(
        "%s blocks the event loop of functions: other coroutine functions of agents wait meanwhile. Make it a "
        "plain function, which gets a thread of its own.",
        place,
    )
