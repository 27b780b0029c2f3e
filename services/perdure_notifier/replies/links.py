"""Links by which one person answers one request: they cannot be guessed, made up, or moved to another request."""

import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perdure.approvers import SigningKey
from perdure.contracts import ApprovalRequested, Sha256
from perdure.contracts.instant import Instant
from perdure.errors import PerdureError

__all__ = ["BadLink", "Link", "Links"]

_LONGEST: Final = timedelta(days=30)
_PURPOSE: Final = b"perdure link "  # no decision's canonical form begins so: a signature of one is none of the other
_SIGNATURE: Final = 64  # bytes (RFC 8032)


class BadLink(PerdureError):
    """It is none of ours, or is too old."""


class Link(BaseModel):
    """What a link says.

    Attributes:
        digest: Of what the one who got it was asked.
        first_run_id: Of the run that asked.
        expires_at: Then it does nothing any more (UTC).
        nonce: Of the decisions that it makes; nobody knows it who has not got the link.
    """

    model_config = ConfigDict(frozen=True)

    request_id: str
    approver: str
    digest: Sha256
    first_run_id: str | None = None
    expires_at: Instant
    nonce: str = Field("", exclude=True)


class Links:
    """Makes links, and reads them."""

    def __init__(self, key: SigningKey, url: str) -> None:
        self._key = key
        self._public = Ed25519PublicKey.from_public_bytes(b64decode(key.public))
        self._url = url.rstrip("/")

    def make(self, request: ApprovalRequested, approver: str) -> str:
        """Return the URL by which somebody answers a request; always the same one."""
        link = Link(
            request_id=request.request_id,
            approver=approver,
            digest=request.digest,
            first_run_id=request.first_run_id,
            expires_at=min(request.expires_at or datetime.max.replace(tzinfo=UTC), request.opened_at + _LONGEST),
        )
        said = link.model_dump_json().encode()
        token = urlsafe_b64encode(self._key.sign(_PURPOSE + said) + said).decode().rstrip("=")
        return f"{self._url}/answer/{token}"

    def read(self, token: str, now: datetime) -> Link:
        """Read the last part of such a URL.

        Raises:
            BadLink: It is none of ours, or is too old.
        """
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            signature, said = raw[:_SIGNATURE], raw[_SIGNATURE:]
            self._public.verify(signature, _PURPOSE + said)
            link = Link.model_validate({**json.loads(said), "nonce": f"link.{sha256(signature).hexdigest()[:32]}"})
        except (ValueError, InvalidSignature, ValidationError) as error:
            raise BadLink("This link is not one of ours. Use the newest mail, whole.") from error
        if link.expires_at <= now:
            raise BadLink("This link is too old. Ask for a new one, or answer with `perdure approve`.")
        return link
