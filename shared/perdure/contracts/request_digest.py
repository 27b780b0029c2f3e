"""The digest of an approval request: what an approver's signature is about, so that any client can compute it.

Version 2 is the SHA-256, in lower-case hex, of the RFC 8785 form of one JSON object. It has exactly the fields of
``COVERED``, each with the value that the published request has; one that the request lacks is ``null``.
"""

import json
from hashlib import sha256
from typing import Final

import rfc8785
from pydantic import JsonValue

from perdure.contracts.approvals import ApprovalRequested

__all__ = ["COVERED", "DIGEST_VERSION", "content_digest", "request_digest"]

DIGEST_VERSION: Final = 2
"""The version of the digests of requests that are opened now."""

COVERED: Final = (
    "title",
    "details",
    "action",
    "policy",
    "severity",
    "requester",
    "on_behalf_of",
    "workflow",
    "workflow_id",
    "run_id",
    "request_id",
)
"""The fields of a request that version 2 covers; no instant, since a crash may make a run open a request again."""


def request_digest(request: ApprovalRequested, *, also: tuple[str, ...] = ()) -> str:
    """Compute the digest of a request from what it shows, by its ``digest_version``; its ``digest`` is not read.

    Args:
        request: The request.
        also: Fields beside those of ``COVERED``, for the replay of runs whose code covered more.

    Raises:
        ValueError: A value has no form in RFC 8785, or the version is not known.
    """
    match request.digest_version:
        case 1:
            return content_digest(request.title, request.details, request.action)
        case 2:
            shown = request.model_dump(mode="json", include={*COVERED, *also})
            return sha256(rfc8785.dumps({name: shown.get(name) for name in (*COVERED, *also)})).hexdigest()
    raise ValueError(f"digest_version {request.digest_version} is not known")


def content_digest(title: str, details: JsonValue = None, action: JsonValue = None) -> str:
    """Compute a digest of version 1, which covers only title, details and action; runs compare actions by it too."""
    shown = {"details": details, "title": title} | ({} if action is None else {"action": action})
    written = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(written.encode()).hexdigest()
