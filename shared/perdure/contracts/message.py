"""What all messages have in common: they are facts, so they are frozen, and they know where they are heard."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from perdure.contracts.subjects import to_token

__all__ = ["Message", "Sha256"]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hex."""


class Message(BaseModel):
    """One fact or request on the bus.

    The literal ``type`` is the start of the subject and the discriminator in the body. Fields that a newer version
    added are ignored, so that an older service goes on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")

    type: str

    @property
    def address(self) -> tuple[str, ...]:
        """The ids that follow the type in the subject, outermost first."""
        raise NotImplementedError

    @property
    def message_id(self) -> str:
        """The same fact said twice has the same id: NATS and every listener de-duplicate by it."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """Where this message is said."""
        return ".".join([self.type, *map(to_token, self.address)])
