"""Events: what users publish, with the attributes of CloudEvents 1.0."""

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.contracts.instant import Instant

__all__ = ["Event"]


class Event(BaseModel):
    """Something that happened in a user's program.

    Attributes:
        id: The same id is the same event, however often it arrives.
        type: What happened, dotted, as in ``documents.submitted``; the NATS subject is ``events.<type>``.
        source: The publisher, a URI reference.
        subject: What it happened to (the CloudEvents attribute, not the NATS subject).
        time: When it happened, by the publisher's clock.
        data: The publisher's data, any JSON.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    type: str
    source: str
    subject: str | None = None
    time: Instant | None = None
    data: JsonValue = None
