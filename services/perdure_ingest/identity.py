"""Workflow ids and digests that are the same for every delivery of an event."""

import json
from hashlib import sha256
from typing import Any, Final

__all__ = ["event_digest", "fit_workflow_id", "workflow_id"]

_LONGEST_ID: Final = 200  # characters; Temporal's own limit is 1000 bytes (`limit.maxIDLength`)


def workflow_id(route: str, event_id: str) -> str:
    """Return the id of the run that a route starts for an event: ``<route>-<event id>``, of bounded length."""
    return fit_workflow_id(f"{route}-{event_id}")


def fit_workflow_id(text: str) -> str:
    """Return an id of at most 200 characters: a longer text is cut, and its SHA-256 appended."""
    if len(text) <= _LONGEST_ID:
        return text
    return f"{text[: _LONGEST_ID - 65]}-{sha256(text.encode()).hexdigest()}"


def event_digest(*parts: Any) -> str:
    """Return the SHA-256 of JSON values, in hex."""
    return sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
