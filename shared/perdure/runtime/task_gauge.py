"""How many background tasks of a process are alive; one that dies ends the process, one that is missing never began."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from prometheus_client import Metric

from perdure.runtime.background import BACKGROUND
from perdure.telemetry.catalogue import ALIVE_TASKS

__all__ = ["alive_tasks"]


async def alive_tasks() -> Iterable[Metric]:
    """Return the number of background tasks of the running loop, by what they do."""
    gauge = ALIVE_TASKS.gauge()
    names = (task.get_name() for task in asyncio.all_tasks())
    for name, number in Counter(it.removeprefix(BACKGROUND) for it in names if it.startswith(BACKGROUND)).items():
        gauge.add_metric([name], number)
    return [gauge]
