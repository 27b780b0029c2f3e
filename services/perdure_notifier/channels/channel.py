"""The protocol of channels, and their errors."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from perdure.errors import PerdureError, Unavailable
from perdure_notifier.notice import Notice

__all__ = ["Busy", "Channel", "Refused"]


class Refused(PerdureError):
    """The channel rejected the notices for good. They are not sent again."""


class Busy(Unavailable):
    """The channel asked for a pause before the next attempt.

    Attributes:
        retry_after: Length of the pause.
    """

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """The channel's name in the configuration and in notifications."""

    async def send(self, notices: Sequence[Notice]) -> str:
        """Send one notice, or several as a digest, and return a short description of the result.

        Raises:
            Refused: The channel rejected the notices for good.
            Unavailable: The channel failed. The notices are sent again later.
        """
