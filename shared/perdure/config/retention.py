"""The sections ``nats.streams:`` and ``nats.buckets:``: how much the streams and buckets on NATS keep."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ByteSize, Field

from perdure.config.section import Section
from perdure.values.duration import Duration

__all__ = ["BucketName", "BucketSettings", "StreamName", "StreamSettings"]


def _upper(name: Any) -> Any:
    """Return a name as NATS has it: those of variables come in lower case."""
    return name.upper() if isinstance(name, str) else name


StreamName = Annotated[
    Literal[
        "EVENTS",
        "VERDICTS",
        "COMMANDS",
        "PROGRESS",
        "APPROVALS",
        "ALERTS",
        "DECISIONS",
        "SIGNALS",
        "RECEIPTS",
        "NOTIFICATIONS",
        "DLQ",
        "ADMIN",
        "ADVISORIES",
    ],
    BeforeValidator(_upper),
]
BucketName = Annotated[
    Literal["STARTS", "BRIDGE", "NOTICES", "VERIFICATIONS", "PAYLOADS"],
    BeforeValidator(_upper),
]


class StreamSettings(Section):
    """How much a stream keeps, by its name in capitals; `perdure up` and `perdure admin nats provision` set it.

    Attributes:
        max_age: How long it keeps a message; 0 is for ever. `docs/operating.md` lists the defaults.
        max_bytes: EVENTS, COMMANDS, DECISIONS and SIGNALS refuse messages at this size. From 80 % on, the oldest
            messages that all services have settled are removed. All other streams go on growing, under an alert.
    """

    max_age: Duration | None = None
    max_bytes: Annotated[ByteSize, Field(gt=0)] | None = None


class BucketSettings(Section):
    """How long a bucket keeps an entry, by its name in capitals; set as that of a stream is.

    Attributes:
        max_age: How long after its last change; 0 is for ever. STARTS is the start ledger: an event that is published
            again later starts a second run.
    """

    max_age: Duration | None = None
