"""Names the coroutine activities of authors that block the worker's event loop.

Meanwhile no heartbeat of any step of the process leaves it, and Temporal may take them for dead. Such an activity is
not moved into another loop: what it uses, such as a client of HTTP, may belong to the worker's.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from weakref import WeakKeyDictionary

from temporalio import activity

from perdure.bus import Bus
from perdure.contracts import Alert
from perdure.errors import PerdureError
from perdure.runtime.loop_watch import watched_loop
from perdure_orchestrator.alert_numbers import alert_number

__all__ = ["BlockingSteps"]

_OWN: Final = "perdure_orchestrator."
_MOST: Final = 100  # activities and places for which an alert is raised
_ADVICE: Final = (
    "Make it a plain `def`, which gets a thread of its own, or await what it does: meanwhile no step of this process "
    "heartbeats."
)

_log = logging.getLogger(__name__)


class BlockingSteps:
    """Knows which activity each task of the worker's loop executes.

    Args:
        bus: Where alerts are published, once for each activity and place.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._running: WeakKeyDictionary[asyncio.Task[object], activity.Info] = WeakKeyDictionary()
        self._alerted: set[tuple[str, str]] = set()
        self._alerting: set[asyncio.Task[None]] = set()

    @contextmanager
    def executing(self, function: Callable[..., object]) -> Iterator[None]:
        """Let the current task be known as that of the current activity for the duration of the block.

        Perdure's own activities are not: on a slow machine the import of a model's library blocks the loop, which no
        author can mend.
        """
        task = asyncio.current_task()
        if task is not None and not function.__module__.startswith(_OWN):
            self._running[task] = activity.info()
        try:
            yield
        finally:
            if task is not None:
                self._running.pop(task, None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the running loop for the duration of the block."""
        loop = asyncio.get_running_loop()

        def blocked(place: str) -> None:
            task = asyncio.current_task(loop)
            info = None if task is None else self._running.get(task)
            name = "code" if info is None else f"the activity {info.activity_type} of {info.workflow_id}"
            _log.warning("%s blocks the event loop of the worker: %s. %s", place, name, _ADVICE)
            if info is not None:
                loop.call_soon_threadsafe(self._raise_alert, info, place)

        try:
            with watched_loop(blocked):
                yield
        finally:
            for task in self._alerting:
                task.cancel()

    def _raise_alert(self, info: activity.Info, place: str) -> None:
        if (info.activity_type, place) in self._alerted or len(self._alerted) == _MOST:
            return
        self._alerted.add((info.activity_type, place))
        task = asyncio.create_task(self._publish(info, place))
        self._alerting.add(task)
        task.add_done_callback(self._alerting.discard)

    async def _publish(self, info: activity.Info, place: str) -> None:
        try:
            await self._bus.publish(_alert(info, place))
        except PerdureError as error:
            _log.warning("cannot raise the alert about %s: %s", info.activity_type, error)


def _alert(info: activity.Info, place: str) -> Alert:
    return Alert(
        workflow=info.workflow_type or "",
        workflow_id=info.workflow_id or "",
        run_id=info.workflow_run_id or "",
        number=alert_number(f"{info.activity_type} {place}"),
        title=f"The activity {info.activity_type} blocks the event loop of its worker",
        details={"place": place, "what_to_do": _ADVICE},
        raised_at=datetime.now(UTC),
    )
