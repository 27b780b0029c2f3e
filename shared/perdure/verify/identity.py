"""Finds the event that a message is about, from headers and body alone, by the documented rules for publishers."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["command_event_id", "command_place", "command_route", "command_run", "event_id"]


def event_id(headers: Mapping[str, str], body: bytes, *, position: str) -> str:
    """Return an event's id.

    The id comes from the CloudEvents envelope, else from ``Nats-Msg-Id``, else it is the position in the stream.

    Args:
        headers: The headers of the message.
        body: The body of the message.
        position: Stream, sequence and time, e.g. ``EVENTS.7.1795435200123456000``.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if lower.get("content-type", "").strip().lower().startswith("application/cloudevents"):
        return str(_object(body).get("id") or position)
    if "ce-specversion" in lower:
        return unquote(lower.get("ce-id", "")) or position
    envelope = _object(body) if b'"specversion"' in body else {}
    if all(isinstance(envelope.get(name), str) for name in ("specversion", "id", "source", "type")):
        return str(envelope["id"])
    return lower.get("nats-msg-id") or position


def command_event_id(body: bytes) -> str | None:
    """Return the id of the event that a command names, or None."""
    event = _object(body).get("event")
    return str(event["id"]) if isinstance(event, dict) and "id" in event else None


def command_place(body: bytes) -> int:
    """Return the sequence in EVENTS of the event that a command names; 0 if it names none."""
    event = _object(body).get("event")
    place = event.get("stream_sequence") if isinstance(event, dict) else None
    return place if isinstance(place, int) else 0


def command_route(body: bytes) -> str:
    """Return the name of the route that a command comes from; empty if it names none."""
    return str(_object(body).get("route") or "")


def command_run(body: bytes) -> str:
    """Return the workflow id that a command names; empty if it names none."""
    return str(_object(body).get("workflow_id") or "")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
