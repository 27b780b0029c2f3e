"""Which event a message is about, read from its headers and bytes alone, by the rules that publishers are told."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["event_behind", "event_id"]


def event_id(headers: Mapping[str, str], body: bytes, *, place: str) -> str:
    """Return an event's id: of its CloudEvents envelope, else its message id, else its place, as ``EVENTS.7``."""
    lower = {name.lower(): value for name, value in headers.items()}
    if lower.get("content-type", "").lower().startswith("application/cloudevents+json"):
        return str(_object(body).get("id") or place)
    if "ce-specversion" in lower:
        return unquote(lower.get("ce-id", "")) or place
    return lower.get("nats-msg-id") or place


def event_behind(body: bytes) -> str | None:
    """Return the id of the event that a command names."""
    event = _object(body).get("event")
    return str(event["id"]) if isinstance(event, dict) and "id" in event else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
