"""Checks, before anything is signed, that the digest of an approval request is that of what the request shows."""

from perdure.contracts import ApprovalRequested, request_digest
from perdure.errors import PerdureError

__all__ = ["DigestMismatch", "check_digest"]


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
