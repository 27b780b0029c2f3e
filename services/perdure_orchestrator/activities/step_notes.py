"""What a step lets people know while it works: notes, few enough that nobody drowns in them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final

from perdure.errors import PerdureError

__all__ = ["StepNotes", "note_publisher", "step_notes"]

_AT_MOST_EVERY: Final = 0.5  # seconds between two notes of a step

_log = logging.getLogger(__name__)


class StepNotes:
    """Says the notes of one try of a step, and counts them."""

    def __init__(self, say: Callable[[str, int], Awaitable[None]]) -> None:
        self._say = say
        self._count = 0
        self._last = -_AT_MOST_EVERY

    async def note(self, text: str) -> None:
        """Say it, unless the last one is hardly said; a bus that is away does not hold up the step."""
        if time.monotonic() - self._last < _AT_MOST_EVERY:
            return
        self._last = time.monotonic()
        self._count += 1
        try:
            await self._say(text, self._count)
        except PerdureError as error:
            _log.warning("A note of a step was not said: %s", error)


_voice: ContextVar[StepNotes | None] = ContextVar("perdure_voice", default=None)


@contextmanager
def step_notes(voice: StepNotes) -> Iterator[None]:
    """Give the code of a step its voice."""
    token = _voice.set(voice)
    try:
        yield
    finally:
        _voice.reset(token)


def note_publisher() -> Callable[[str], Awaitable[None]] | None:
    """Return how the step that is running says notes, whoever calls it: in its voice, and in its context."""
    voice, context = _voice.get(), copy_context()
    if voice is None:
        return None

    async def tell(text: str) -> None:  # a session's own task would speak as the step that opened the session
        await asyncio.create_task(voice.note(text), context=context)

    return tell
