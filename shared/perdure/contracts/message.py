"""The base class of all messages."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from perdure.contracts.subjects import to_token

__all__ = ["Message", "Sha256"]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hex."""


class Message(BaseModel):
    """A message on the bus: frozen, and able to name its own subject.

    The literal ``type`` is the start of the subject and the discriminator in the body. Unknown fields are ignored, so
    that an older service can read the messages of a newer one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")

    type: str

    @property
    def address(self) -> tuple[str, ...]:
        """The ids that follow the type in the subject, outermost first, unescaped."""
        raise NotImplementedError

    @property
    def message_id(self) -> str:
        """The deduplication id, for JetStream (``Nats-Msg-Id``) and consumers: a resend has the same one."""
        raise NotImplementedError

    @property
    def partition_key(self) -> str | None:
        """What it is grouped by, for readers of headers alone: CloudEvents' extension ``partitionkey``."""
        return None

    @property
    def occurred_at(self) -> datetime | None:
        """The CloudEvents attribute ``time``: the same in every resend; None if the message holds no such instant."""
        return None

    @property
    def subject(self) -> str:
        """The NATS subject: the type, then the address, each id as one escaped token."""
        return ".".join([self.type, *map(to_token, self.address)])
