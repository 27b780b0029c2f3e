"""Mistakes of a test itself: the first one fails it at once, whatever its workflow makes of the error."""

import asyncio

__all__ = ["Mistakes"]


class Mistakes:
    """Collects the mistakes of one test run."""

    def __init__(self) -> None:
        self._first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def record(self, sentence: str) -> None:
        """Remember a mistake; those after the first are usually its consequences."""
        if not self._first.done():
            self._first.set_result(sentence)

    @property
    def first(self) -> asyncio.Future[str]:
        """Done as soon as there is a mistake; its result says what is wrong and what to do."""
        return self._first
