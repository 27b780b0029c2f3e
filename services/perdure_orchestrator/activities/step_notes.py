"""Progress notes that a step publishes while it works, limited in rate."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final

from perdure.errors import PerdureError

__all__ = ["StepNotes", "note_publisher", "publish_note", "step_notes"]

_MIN_INTERVAL: Final = 0.5  # seconds between two notes of a step

_log = logging.getLogger(__name__)


class StepNotes:
    """The notes of one attempt of a step.

    Args:
        publish: Takes the text and the number of the note, from 1.
    """

    def __init__(self, publish: Callable[[str, int], Awaitable[None]]) -> None:
        self._publish = publish
        self._count = 0
        self._last = -_MIN_INTERVAL

    async def publish(self, text: str) -> None:
        """Publish a note, unless the last one is too recent."""
        if time.monotonic() - self._last >= _MIN_INTERVAL:
            self._last = time.monotonic()
            await self.publish_always(text)

    async def publish_always(self, text: str) -> None:
        """Publish a note that is no mere progress; a bus that is away does not hold up the step."""
        self._count += 1
        try:
            await self._publish(text, self._count)
        except PerdureError as error:
            _log.warning("a note of a step was not published: %s", error)


_notes: ContextVar[StepNotes | None] = ContextVar("perdure_step_notes", default=None)


@contextmanager
def step_notes(notes: StepNotes) -> Iterator[None]:
    """Make these the notes of the step that runs in the block."""
    token = _notes.set(notes)
    try:
        yield
    finally:
        _notes.reset(token)


async def publish_note(text: str) -> None:
    """Publish a note of the running step, whatever the last one was; nothing outside of a step."""
    if notes := _notes.get():
        await notes.publish_always(text)


def note_publisher() -> Callable[[str], Awaitable[None]] | None:
    """Return a function that publishes notes of the running step, from any task; None outside of a step."""
    notes, context = _notes.get(), copy_context()
    if notes is None:
        return None

    async def publish(text: str) -> None:  # the task of an MCP session has the context of the step that opened it
        await asyncio.create_task(notes.publish(text), context=context)

    return publish
