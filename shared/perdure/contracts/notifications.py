"""What the notifier told whom."""

from typing import Literal

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message

__all__ = ["Notification"]


class Notification(Message):
    """One attempt to tell people something.

    Attributes:
        channel: Where it was sent, by the name that the configuration gives it.
        about: The message id of what was told.
        outcome: Whether the channel took it; ``skipped`` is what was settled before its turn came.
        detail: What the channel said, a sentence.
    """

    type: Literal["notifications"] = "notifications"
    channel: str
    about: str
    workflow_id: str
    outcome: Literal["sent", "failed", "skipped"]
    detail: str = ""
    sent_at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per channel."""
        return (self.channel,)

    @property
    def message_id(self) -> str:
        """A channel tells a thing once; failures before that are the same attempt, repeated."""
        return f"{self.channel}.{self.outcome}.{self.about}"
