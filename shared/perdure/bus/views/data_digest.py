"""A digest by which two events' data are compared, whatever the order of their keys."""

from hashlib import sha256

import rfc8785
from pydantic import JsonValue

__all__ = ["data_digest"]


def data_digest(data: JsonValue) -> str | None:
    """Return the SHA-256 of the canonical form (RFC 8785) in hex; None if there is none, as for integers over 2^53."""
    try:
        return sha256(rfc8785.dumps(data)).hexdigest()
    except rfc8785.CanonicalizationError:
        return None
