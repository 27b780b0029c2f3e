"""What could not be understood, kept with the reason, for people."""

from typing import Literal

from pydantic import Field, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message

__all__ = ["DeadLetter", "Reason"]

Reason = Literal[
    "empty_body",
    "too_large",
    "not_utf8",
    "not_json",
    "bad_envelope",
    "no_route",
    "bad_expression",
    "bad_data",
    "duplicate_id",
    "run_exists",
    "unknown_workflow",
    "unknown_run",
    "bad_message",
    "unexpected_error",
    "max_deliveries",
    "terminated",
    "undelivered",
]


class DeadLetter(Message):
    """A message that a service gave up on.

    Attributes:
        service: Who gave up; where JetStream did so for a consumer, that consumer's name.
        reason: One word of a closed set.
        detail: What is wrong and what to do, a sentence.
        original_subject: Where the message was said; empty if its stream no longer has it.
        stream: The stream that still holds the original.
        stream_sequence: Its place there.
        deliveries: How often it was tried.
        headers: The original headers.
        body: The original bytes (base64 in JSON); absent when they are too large to repeat: read them from the stream.
    """

    type: Literal["dlq"] = "dlq"
    service: str
    reason: Reason
    detail: str
    original_subject: str
    stream: str
    stream_sequence: int
    deliveries: PositiveInt = 1
    headers: dict[str, str] = Field(default_factory=dict)
    body: bytes | None = None
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per service."""
        return (self.service,)

    @property
    def message_id(self) -> str:
        """A service gives up on a message once."""
        return f"{self.service}.{self.stream}.{self.stream_sequence}"
