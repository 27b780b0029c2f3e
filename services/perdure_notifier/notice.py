"""What people are to be told on one channel: a message about a request, and the request itself."""

from pydantic import BaseModel, ConfigDict, Field

from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Severity,
)

__all__ = ["BY_URGENCY", "AboutApproval", "Notice"]

AboutApproval = ApprovalRequested | ApprovalReminded | ApprovalEscalated | ApprovalDecided | ApprovalExpired

BY_URGENCY: tuple[Severity, ...] = ("critical", "high", "normal", "low")


class Notice(BaseModel):
    """As it waits in the outbox of a channel.

    Attributes:
        message: What happened.
        about: The request that it is about, if it is not the message itself and the bus still had it.
        instead_of: The channel that was to tell it, and gave up.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    message: AboutApproval = Field(discriminator="type")
    about: ApprovalRequested | None = None
    instead_of: str | None = None

    @property
    def request(self) -> ApprovalRequested | None:
        """The request, if it is known."""
        return self.message if isinstance(self.message, ApprovalRequested) else self.about

    @property
    def severity(self) -> Severity:
        """How much depends on a quick answer."""
        return self.request.severity if self.request else "normal"

    @property
    def key(self) -> str:
        """The same on every try, and on every channel."""
        return self.message.message_id

    @property
    def is_question(self) -> bool:
        """Whether it asks for something that may be settled before people are told."""
        return not isinstance(self.message, ApprovalDecided | ApprovalExpired)
