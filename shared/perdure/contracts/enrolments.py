"""Keys that people offer: the owner of the approvers file accepts them, or does not."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message

__all__ = ["KeyOffered"]

_Text = Annotated[str, StringConstraints(max_length=256)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class KeyOffered(Message):
    """A person offers the public half of a key that their browser holds; nothing is decided with it before it counts.

    It counts once `perdure approvers accept` has put it into the approvers file.

    Attributes:
        approver: Whose key it is, as the console knows the person.
        public: The Ed25519 public key, 32 bytes in base64.
        key_id: The first 16 hex digits of the SHA-256 of these bytes; the person reads it out to the file's owner.
        proof: Ed25519 over the RFC 8785 form of the object with the fields type, approver and public, in base64:
            whoever offers the key holds it.
        device: What the browser calls itself.
        at: When it was offered (UTC).
    """

    type: Literal["admin.enrolment"] = "admin.enrolment"
    approver: _Name
    public: _Text
    key_id: _Name
    proof: _Text
    device: _Text = ""
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<approver>``."""
        return (self.approver,)

    @property
    def message_id(self) -> str:
        """One for each key."""
        return f"{self.type}.{self.key_id}"
