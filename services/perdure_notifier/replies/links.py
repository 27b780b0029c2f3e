"""Signed links: each lets one person decide one request, and cannot be guessed, forged or reused for another."""

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

_LONGEST_VALIDITY: Final = timedelta(days=30)
_PURPOSE: Final = b"perdure link "  # unlike any signed decision, so that neither's signature is valid for the other
_SIGNATURE: Final = 64  # bytes (RFC 8032)


class BadLink(PerdureError):
    """The link is not valid or has expired."""


class Link(BaseModel):
    """The content of a link.

    Attributes:
        digest: The digest of the request as it was sent to the approver.
        first_run_id: The first run id of the requesting run.
        run_id: The requesting run; absent in links of 0.1.
        expires_at: When the link stops working (UTC).
        nonce: The beginning of its decisions' nonces. Derived from the signature, so only the link's owner knows it.
    """

    model_config = ConfigDict(frozen=True)

    request_id: str
    approver: str
    digest: Sha256
    first_run_id: str | None = None
    run_id: str | None = None
    expires_at: Instant
    nonce: str = Field("", exclude=True)

    def shows(self, request: ApprovalRequested) -> bool:
        """Return whether this is the request that was sent: its id alone may come again, in a later run."""
        return (
            request.request_id == self.request_id
            and request.digest == self.digest
            and self.run_id in {None, request.run_id}
            and self.first_run_id in {None, request.first_run_id}
        )


class Links:
    """Creates and verifies links."""

    def __init__(self, key: SigningKey, url: str) -> None:
        self._key = key
        self._public = Ed25519PublicKey.from_public_bytes(b64decode(key.public))
        self._url = url.rstrip("/")

    def make(self, request: ApprovalRequested, approver: str) -> str:
        """Return the URL for an approver to decide a request: always the same one."""
        link = Link(
            request_id=request.request_id,
            approver=approver,
            digest=request.digest,
            first_run_id=request.first_run_id,
            run_id=request.run_id,
            expires_at=min(
                request.expires_at or datetime.max.replace(tzinfo=UTC), request.opened_at + _LONGEST_VALIDITY
            ),
        )
        payload = link.model_dump_json().encode()
        token = urlsafe_b64encode(self._key.sign(_PURPOSE + payload) + payload).decode().rstrip("=")
        return f"{self._url}/answer/{token}"

    def read(self, token: str, now: datetime) -> Link:
        """Verify the token at the end of a link and return its content.

        Raises:
            BadLink: The link is not valid or has expired.
        """
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
            self._public.verify(signature, _PURPOSE + payload)
            link = Link.model_validate({**json.loads(payload), "nonce": f"link.{sha256(signature).hexdigest()[:32]}"})
        except (ValueError, InvalidSignature, ValidationError) as error:
            raise BadLink("This link is not valid. Copy the whole link from the newest mail.") from error
        if link.expires_at <= now:
            raise BadLink("This link has expired. Decide with `perdure approve` or `perdure reject`.")
        return link
