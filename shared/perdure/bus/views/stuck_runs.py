"""Read model of the runs that wait for mended code, from the streams STUCK and PROGRESS."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from pydantic import ValidationError

from perdure.bus.envelope import decode
from perdure.bus.port import Bus, ReadableStreams, StoredMessage
from perdure.contracts import ENDINGS, Progress, to_token
from perdure.contracts.runs import StuckRun
from perdure.errors import InvalidMessage

__all__ = ["has_ended", "new_stuck_runs", "read_stuck", "stuck_run", "stuck_runs", "watch_stuck"]

_ALL: Final = "stuck.>"
_AT_ONCE: Final = 64  # requests
_LOOK_EVERY: Final = 0.5  # seconds


async def stuck_run(bus: ReadableStreams, workflow_id: str) -> StuckRun | None:
    """Return why a run waits for mended code; None if it does not.

    Raises:
        Unavailable: NATS does not answer.
    """
    found = read_stuck(await bus.last(f"stuck.*.{to_token(workflow_id)}"))
    return None if found is None or await has_ended(bus, found) else found


async def stuck_runs(bus: Bus, *, most: int = 10_000) -> list[StuckRun]:
    """Return the runs that wait for mended code, the newest last.

    Args:
        bus: The bus.
        most: Of more runs, the newest so many.

    Raises:
        Unavailable: NATS does not answer.
    """
    stored = [found async for message in bus.read(_ALL, last_only=True) if (found := read_stuck(message))][-most:]
    waiting = []
    for start in range(0, len(stored), _AT_ONCE):
        batch = stored[start : start + _AT_ONCE]
        ended = await asyncio.gather(*(has_ended(bus, run) for run in batch))
        waiting += [run for run, is_over in zip(batch, ended, strict=True) if not is_over]
    return waiting


async def watch_stuck(bus: Bus, workflow_id: str) -> AsyncIterator[StuckRun]:
    """Yield why a run waits for mended code, each error once, for ever.

    Raises:
        Unavailable: NATS does not answer.
    """
    seen: set[tuple[str, str]] = set()
    while True:
        found = await stuck_run(bus, workflow_id)
        if found is not None and (found.run_id, found.error) not in seen:
            seen.add((found.run_id, found.error))
            yield found
        await asyncio.sleep(_LOOK_EVERY)


async def new_stuck_runs(bus: Bus) -> AsyncIterator[StuckRun]:
    """Yield each run that from now on waits for mended code, for ever.

    Raises:
        Unavailable: NATS denies it.
    """
    async for message in bus.subscribe(_ALL):
        if (found := read_stuck(message)) is not None:
            yield found


async def has_ended(bus: ReadableStreams, run: StuckRun) -> bool:
    """Return whether a run has published its ending: what STUCK holds of it is stale then.

    A fact that cannot be read, such as one of a newer version, is no ending.

    Raises:
        Unavailable: NATS does not answer.
    """
    newest = await bus.last(f"progress.{to_token(run.workflow)}.{to_token(run.workflow_id)}")
    try:
        fact = None if newest is None else decode(newest.raw)
    except InvalidMessage:
        return False
    return isinstance(fact, Progress) and fact.kind in ENDINGS and fact.run_id == run.run_id


def read_stuck(message: StoredMessage | None) -> StuckRun | None:
    """Return what a message of STUCK holds; None if that is nothing that this version can read."""
    try:
        return None if message is None else StuckRun.model_validate_json(message.raw.body)
    except ValidationError:
        return None
