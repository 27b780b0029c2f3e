"""Makes and publishes the dead letter of a message: of a size that NATS takes, whatever the message is."""

import json
import logging
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from perdure.bus.envelope import RawMessage
from perdure.bus.port import Bus, StoredMessage
from perdure.contracts import DeadLetter, Reason
from perdure.errors import Unavailable

__all__ = ["MAX_BODY_BYTES", "make_dead_letter", "original_content", "publish_dead_letter"]

MAX_BODY_BYTES: Final = 512 * 1024
"""Longest body that a dead letter contains; its base64 fits into NATS' default `max_payload` of 1 MiB."""

_MOST_HEADERS: Final = 64 * 1024  # bytes in JSON
_LONGEST_DETAIL: Final = 8_000  # characters; a detail may quote an id of any length
_SHORT: Final = 200  # characters

_log = logging.getLogger(__name__)


def make_dead_letter(
    message: StoredMessage, reason: Reason, detail: str, *, service: str, deliveries: int = 1
) -> DeadLetter:
    """Return the dead letter of a message.

    A body or headers that are too large for it stay in their stream only; a long detail is cut.
    """
    return DeadLetter(
        service=service,
        reason=reason,
        detail=_cut(detail, _LONGEST_DETAIL),
        original_subject=message.raw.subject,
        stream=message.stream,
        stream_sequence=message.sequence,
        stored_at=message.stored_at,
        deliveries=deliveries,
        **original_content(message.raw),
        at=datetime.now(UTC),
    )


def original_content(raw: RawMessage) -> dict[str, Any]:
    """Return the fields of a dead letter that hold headers and body of the original, as far as they fit, and sizes."""
    header_bytes = len(json.dumps(dict(raw.headers))) if raw.headers else 0
    return {
        "headers": dict(raw.headers) if header_bytes <= _MOST_HEADERS else {},
        "header_bytes": header_bytes,
        "body": raw.body if len(raw.body) <= MAX_BODY_BYTES else None,
        "body_bytes": len(raw.body),
        "body_sha256": sha256(raw.body).hexdigest(),
    }


async def publish_dead_letter(bus: Bus, dead_letter: DeadLetter) -> None:
    """Publish a dead letter; if that cannot be, only with the place, the sizes and the digest of the original.

    Raises:
        Unavailable: The bus does not answer.
    """
    try:
        await bus.publish(dead_letter)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 (a message that is never settled would stop its stream)
        _log.warning("a dead letter about %s %d is cut: %r", dead_letter.stream, dead_letter.stream_sequence, error)
        await bus.publish(_without_content(dead_letter))


def _without_content(dead_letter: DeadLetter) -> DeadLetter:
    short = {"detail": _cut(dead_letter.detail), "original_subject": _cut(dead_letter.original_subject)}
    return dead_letter.model_copy(update={"headers": {}, "body": None, **short})


def _cut(text: str, most: int = _SHORT) -> str:
    """Return the beginning of a text, of at most so many characters before a lone surrogate becomes an escape."""
    shown = text if len(text) <= most else f"{text[:most]}…"
    return shown.encode(errors="backslashreplace").decode()
