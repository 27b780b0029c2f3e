"""What one may ask the audit service, by NATS request and reply."""

from typing import Annotated, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from perdure.contracts.instant import Instant

__all__ = ["AUDIT_RECORDS", "AuditRecord", "AuditRecordsFound", "AuditRecordsQuery"]

AUDIT_RECORDS: Final = "queries.audit.records"
"""The subject of the request; the body is an ``AuditRecordsQuery``, the reply ``AuditRecordsFound``."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")


class AuditRecordsQuery(_Part):
    """Which records to show.

    Attributes:
        subject: Only subjects that contain this text.
        stream: Only this stream.
        after: Only records behind this position; without it, the newest.
        limit: How many at the most.
    """

    subject: str | None = None
    stream: str | None = None
    after: int | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class AuditRecord(_Part):
    """One message as it was heard.

    Attributes:
        position: Its place in the record, from 1.
        sequence: Its place in its stream, from 1.
        stored_at: When the server stored it.
    """

    position: int
    stream: str
    sequence: int
    subject: str
    stored_at: Instant = Field(validation_alias=AliasChoices("stored_at", "said_at"))  # 0.1: said_at
    headers: dict[str, str]
    body: bytes


class AuditRecordsFound(_Part):
    """The answer.

    Attributes:
        total: How many messages are recorded in all.
    """

    total: int
    records: tuple[AuditRecord, ...]
