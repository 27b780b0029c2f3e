"""Notifications: the record of what the notifier sent, channel by channel."""

from typing import Annotated, Literal

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN

__all__ = ["Notification"]


class Notification(Message):
    """One notice sent, refused, skipped or to be tried again on one channel.

    Attributes:
        channel: Name of the channel in the configuration.
        about: Message id of the approval message or alert that it is about.
        workflow_id: The run that it is about.
        outcome: Whether the channel accepted it; ``skipped`` means that the request was settled before it was sent.
            ``retried`` is none yet: the channel began to fail with it, and tries again.
        detail: The channel's response, for people.
        sent_at: When it was sent, or failed (UTC).
    """

    type: Literal["notifications"] = "notifications"
    channel: str
    about: str
    workflow_id: str
    outcome: Annotated[Literal["sent", "failed", "skipped", "retried"], OPEN]
    detail: str = ""
    sent_at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<channel>``."""
        return (self.channel,)

    @property
    def message_id(self) -> str:
        """One for each channel, outcome and notice; what fails again after a success has one of its own."""
        if self.outcome == "retried":
            return f"{self.channel}.{self.outcome}.{self.about}.{self.sent_at.timestamp():.6f}"
        return f"{self.channel}.{self.outcome}.{self.about}"
