"""Signatures of decisions: Ed25519 over the body without ``signature``, in the canonical form of RFC 8785."""

from base64 import b64decode, b64encode
from collections.abc import Mapping

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import JsonValue

from perdure.approvers.keys import SigningKey
from perdure.contracts import Decision

__all__ = ["canonical", "sign", "verifies"]


def canonical(body: Mapping[str, JsonValue]) -> bytes:
    """Return the bytes that a signature covers.

    Raises:
        ValueError: A value has no canonical form, such as an integer beyond 2^53.
    """
    signed = {name: value for name, value in body.items() if name != "signature"}
    return rfc8785.dumps(signed)


def sign(decision: Decision, key: SigningKey) -> Decision:
    """Return the decision with a signature over all of its other fields."""
    named = decision.model_copy(update={"key_id": key.key_id, "signature": None})
    signature = key.sign(canonical(named.model_dump(mode="json")))
    return named.model_copy(update={"signature": b64encode(signature).decode()})


def verifies(body: Mapping[str, JsonValue], public: bytes) -> bool:
    """Return whether the body carries a valid signature by the owner of a public key.

    Args:
        body: The decision's body as received.
        public: The Ed25519 public key, 32 bytes.
    """
    try:
        signature = b64decode(str(body.get("signature")), validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, canonical(body))
    except (InvalidSignature, ValueError):
        return False
    return True
