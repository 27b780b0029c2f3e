"""A message as a stream holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from pydantic import ConfigDict

__all__ = ["StreamMessage"]


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message that was read from a stream.

    Attributes:
        stored_at: When NATS stored it, in nanoseconds since 1970 (UTC).
    """

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    stream: str
    sequence: int
    stored_at: int
    subject: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return sha256(self.body).hexdigest()
