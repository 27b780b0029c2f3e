"""What users publish: an event, in the terms of CloudEvents 1.0."""

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.contracts.instant import Instant

__all__ = ["Event"]


class Event(BaseModel):
    """Something that happened in a user's program.

    Attributes:
        id: Names the event for ever: the same id is the same event, however often it arrives.
        type: What happened, dotted, as in ``documents.submitted``; the subject is ``events.<type>``.
        source: Who says so, a URI reference.
        subject: What it happened to (the CloudEvents attribute, not the NATS subject).
        time: When it happened, by the publisher's clock.
        data: The user's own JSON.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    type: str
    source: str
    subject: str | None = None
    time: Instant | None = None
    data: JsonValue = None
