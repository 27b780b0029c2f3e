"""Whether a process takes messages now: of several that could, the one on duty does."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

__all__ = ["Duty", "run_while"]


class Duty:
    """The duty of one process, which may begin and end many times."""

    def __init__(self, *, on: bool = True) -> None:
        self._on, self._off = asyncio.Event(), asyncio.Event()
        self.set(on=on)

    @property
    def is_on(self) -> bool:
        """Whether this process is on duty."""
        return self._on.is_set()

    def set(self, *, on: bool) -> None:
        """Begin or end the duty."""
        (self._on if on else self._off).set()
        (self._off if on else self._on).clear()

    async def wait(self, *, on: bool) -> None:
        """Wait until this process is on duty, or is not."""
        await (self._on if on else self._off).wait()

    async def run(self, work: Sequence[Callable[[], Coroutine[None, None, None]]]) -> None:
        """Run coroutines whenever this process is on duty, for ever; they are cancelled when its duty ends.

        Raises:
            Exception: What the work raised; it should run until it is cancelled.
        """
        while True:
            await self.wait(on=True)
            await run_while(self.wait(on=False), work)


async def run_while(
    condition: Coroutine[None, None, object], work: Sequence[Callable[[], Coroutine[None, None, None]]]
) -> None:
    """Run coroutines until a condition ends, and cancel them then.

    Raises:
        Exception: What the work raised first.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(start()) for start in work]
            await condition
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
