"""Dead letters: messages that a service gave up on, with the reason."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN
from perdure.values.run_id import place_of

__all__ = ["DeadLetter", "Reason"]

Reason = Literal[
    "empty_body",
    "too_large",
    "not_utf8",
    "not_json",
    "bad_envelope",
    "batch_not_supported",
    "no_route",
    "bad_expression",
    "bad_data",
    "reserved_name",
    "duplicate_id",
    "run_exists",
    "unknown_workflow",
    "unknown_run",
    "bad_message",
    "unexpected_error",
    "max_deliveries",
    "terminated",
    "undelivered",
    "record_differs",
]
"""Why a service gave up. `docs/dead-letters.md` explains each reason and what to do."""


class DeadLetter(Message):
    """A message that a service gave up on, with the reason and the original.

    Attributes:
        service: The service that gave up. If JetStream gave up for a consumer, that consumer's name.
        reason: Why, for programs; see ``Reason``.
        detail: What is wrong and what to do, for people.
        original_subject: Subject of the original message; empty if its stream no longer has it.
        stream: The stream that holds the original.
        stream_sequence: Its sequence number there.
        stored_at: When that stream stored it (UTC); a stream that is made anew counts from 1 again. Absent if the
            stream no longer has it, and from services before 0.2.
        deliveries: How often it was delivered.
        headers: The original headers. Empty although `header_bytes` is not 0, if they are too large: read them from
            the stream.
        header_bytes: Size of the original headers in JSON. Absent from services before 0.2.
        body: The original bytes (base64 in JSON). Absent if larger than 512 KiB: read them from the stream.
        body_bytes: Size of the original body. Absent from services before 0.2.
        body_sha256: SHA-256 of the original body, in hex. Absent from services before 0.2.
        at: When the service gave up (UTC).
    """

    type: Literal["dlq"] = "dlq"
    service: str
    reason: Annotated[Reason, OPEN]
    detail: str
    original_subject: str
    stream: str
    stream_sequence: int
    stored_at: Instant | None = None
    deliveries: PositiveInt = 1
    headers: dict[str, str] = Field(default_factory=dict)
    header_bytes: int | None = None
    body: bytes | None = None
    body_bytes: int | None = None
    body_sha256: str | None = None
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<service>``."""
        return (self.service,)

    @property
    def place(self) -> str:
        """The original's place, which is the id of an event that carries none: without a time it is that of 0.1."""
        return place_of(self.stream, self.stream_sequence, self.stored_at)

    @property
    def is_whole(self) -> bool:
        """Whether it has the original's headers and body."""
        return self.body is not None and bool(self.headers or not self.header_bytes)

    @property
    def message_id(self) -> str:
        """One for each service and message; a message has its sequence and time."""
        return f"{self.service}.{self.place}"
