"""The seam between the notifier and wherever people are reached."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from perdure.errors import PerdureError, Unavailable
from perdure_notifier.notice import Notice

__all__ = ["Busy", "Channel", "Refused"]


class Refused(PerdureError):
    """The channel answered that it will not take this: trying again will not help."""


class Busy(Unavailable):
    """The channel asks to be left alone for a while.

    Attributes:
        retry_after: For how long.
    """

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """By which the configuration and notifications call it."""

    async def send(self, notices: Sequence[Notice]) -> str:
        """Tell people of one thing, or of many at once, and return what the channel said to it.

        Raises:
            Refused: The channel does not want it.
            Unavailable: The channel does not answer; it shall be tried again.
        """
