"""The audit service's NATS request/reply: reading recorded messages."""

from typing import Annotated, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from perdure.contracts.instant import Instant

__all__ = [
    "AUDIT_RECORDS",
    "ROTATE_LEDGER_KEY",
    "AuditRecord",
    "AuditRecordsFound",
    "AuditRecordsQuery",
    "LedgerKeyRotated",
]

AUDIT_RECORDS: Final = "queries.audit.records"
"""Request subject. The request body is an ``AuditRecordsQuery``, the reply body an ``AuditRecordsFound``."""

ROTATE_LEDGER_KEY: Final = "acts.audit.rotate_key"
"""Request subject. The request body is empty, the reply body a ``LedgerKeyRotated``."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")


class AuditRecordsQuery(_Body):
    """A filter on the recorded messages.

    Attributes:
        subject: Only subjects that contain this text.
        stream: Only messages of this stream.
        tokens: Only subjects that have each of these as a whole token, such as a workflow.
        run: Only about this run: its escaped id, as in subjects.
        request: Only about this approval request, escaped likewise.
        kinds: Only facts of progress of one of these kinds, such as ``failed``.
        event: Only this event, the messages that name it, and the dead letters about any of these. A place without a
            time, as ``EVENTS.4``, names the event there in every life of the stream.
        key: Only commands and facts that carry this value of a route's ``flow.key``.
        since: Only messages that were stored at this instant or later (UTC).
        until: Only messages that were stored before this instant (UTC).
        after: Only records after this position, in the order of recording; absent: the newest records by the time at
            which their streams stored them.
        before: Only records that come before the one at this position.
        limit: At most this many records.
    """

    subject: str | None = None
    stream: str | None = None
    tokens: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    run: str | None = None
    request: str | None = None
    event: str | None = None
    key: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    after: int | None = None
    before: int | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class AuditRecord(_Body):
    """One recorded message.

    Attributes:
        position: Counts the recorded messages, from 1.
        stream: The JetStream stream that it was read from.
        sequence: Its sequence number in that stream, from 1.
        subject: Its NATS subject.
        stored_at: When JetStream stored it (UTC).
        headers: Its NATS headers; empty if they are too large for a reply.
        body: Its bytes (base64 in JSON); empty if `body_left_out`.
        body_left_out: Whether the body is too large for a reply; its stream may still have it.
        erased: Whether its content was erased: the body, and all headers but those in its leaf. ADMIN has who did it.
    """

    position: int
    stream: str
    sequence: int
    subject: str
    stored_at: Instant = Field(validation_alias=AliasChoices("stored_at", "said_at"))  # 0.1: said_at
    headers: dict[str, str]
    body: bytes
    body_left_out: bool = False
    erased: bool = False


class AuditRecordsFound(_Body):
    """The records that match a query.

    Attributes:
        total: How many records there are in all, matching or not; those that retention or an erasure removed count.
        records: Those that match and fit into one reply, oldest first.
        more: Whether more may match than were returned, because of their sizes or because the search ended: ask for
            those before or after ``end``, or, from a service that names none, before the first or after the last.
        end: Position of the last record that was looked at, if there may be more.
        filters: The fields of the query that the service applied; it ignores others. Absent: 0.1 answered.
    """

    total: int
    records: tuple[AuditRecord, ...]
    more: bool = False
    end: int | None = None
    filters: tuple[str, ...] = ("subject", "stream", "after", "limit")


class LedgerKeyRotated(_Body):
    """The ledger has a new key, or why not.

    Attributes:
        old: The key until then (a `vkey`).
        new: The key from then on.
        leaf: Index of the leaf that both signed: checkpoints over more leaves are the new key's.
        problem: Why the key is still the old one; empty if it is not.
    """

    old: str = ""
    new: str = ""
    leaf: int = 0
    problem: str = ""
