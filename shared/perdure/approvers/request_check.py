"""Checks, before anything is signed, that the digest of an approval request is that of what the request shows."""

from typing import Final

from perdure.contracts import ApprovalRequested, request_digest
from perdure.errors import PerdureError

__all__ = ["SHORTEST_PREFIX", "DigestMismatch", "check_digest", "check_seen"]

SHORTEST_PREFIX: Final = 12
"""Hex digits: 48 bits, for which nobody finds another request while it is open."""


class DigestMismatch(PerdureError):
    """A request carries another digest than that of what it shows: signing it would approve something unseen."""


def check_digest(request: ApprovalRequested) -> None:
    """Compute the digest of a request, and compare.

    Raises:
        DigestMismatch: They differ, or the digest cannot be computed.
    """
    try:
        shown = request_digest(request)
    except ValueError as error:
        raise DigestMismatch(
            f"The digest of the request {request.request_id} cannot be computed ({error}): nothing is signed. "
            "If the suite is newer than this program, update it."
        ) from error
    if shown != request.digest:
        raise DigestMismatch(
            f"The request {request.request_id} shows something else than its digest is about: nothing is signed. "
            "If the suite is newer than this program, update it; else somebody has changed the request."
        )


def check_seen(request: ApprovalRequested, prefix: str) -> None:
    """Compare the digest of a request with the beginning of the digest that somebody has seen.

    Raises:
        DigestMismatch: The digest begins otherwise, or the beginning is too short to tell.
    """
    if len(prefix) < SHORTEST_PREFIX:
        raise DigestMismatch(
            f"{prefix or 'Nothing'} is too short for a digest: give at least its first {SHORTEST_PREFIX} digits, "
            f"as `perdure approvals show` prints them."
        )
    if not request.digest.startswith(prefix.lower()):
        raise DigestMismatch(
            f"The digest of {request.request_id} begins with {request.digest[:SHORTEST_PREFIX]}, not with {prefix}: "
            "it is not the request that you have seen. Nothing is signed; look at it again."
        )
