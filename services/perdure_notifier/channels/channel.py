"""The protocol of channels, and their errors."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from perdure.errors import PerdureError, Unavailable
from perdure_notifier.notice import Notice

__all__ = ["Busy", "Channel", "PartlySent", "Refused", "shortened"]

_CUT = "\n(… cut here: `perdure approvals show` has all of it)\n"


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


class PartlySent(Unavailable):
    """Some targets of the channel have the notices. The others are tried again; later notices do not wait for them."""


def shortened(text: str, longest: int) -> str:
    """Cut a text that is too long for a channel: a body in its middle, so that its end keeps the commands to decide."""
    if len(text) <= longest:
        return text
    if "\n" not in text:
        return f"{text[: longest - 2]} …"
    half = (longest - len(_CUT)) // 2
    return f"{text[:half]}{_CUT}{text[-half:]}"


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
            PartlySent: One of several targets failed. It gets the notices later, and the others are left alone.
        """
