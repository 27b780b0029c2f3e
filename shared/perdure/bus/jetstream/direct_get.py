"""Gets many messages of a stream by one request, without a consumer.

nats-py has no such call; nats-server has it since 2.11 (ADR-31).
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from perdure.bus.envelope import RawMessage
from perdure.bus.port import StoredMessage
from perdure.bus.topology import stream_of
from perdure.errors import Unavailable

__all__ = ["get_last_of", "get_next"]

_TIMEOUT_SECONDS: Final = 5.0  # until the next message
_MOST_BYTES: Final = 2 * 1024 * 1024  # of one reply; the server sends one message at least
_SUBJECT: Final = "Nats-Subject"
_SEQUENCE: Final = "Nats-Sequence"
_STORED_AT: Final = "Nats-Time-Stamp"
_PENDING: Final = "Nats-Num-Pending"
_ABOUT_THE_REPLY: Final = {"Nats-Stream", _SUBJECT, _SEQUENCE, _STORED_AT, _PENDING, "Nats-Last-Sequence"}
_END: Final = {"204", "404"}  # statuses after the last message, and instead of any


async def get_next(client: Client, subject: str, *, after: int, count: int) -> list[StoredMessage]:
    """Return the oldest messages after a sequence whose subject matches."""
    query = {"seq": after + 1, "next_by_subj": subject, "batch": count, "max_bytes": _MOST_BYTES}
    return await _get(client, stream_of(subject).name, query)


async def get_last_of(client: Client, subjects: Sequence[str]) -> list[StoredMessage]:
    """Return the newest message of each of these subjects of one stream."""
    if not subjects:
        return []
    return await _get(client, stream_of(subjects[0]).name, {"multi_last": subjects, "batch": len(subjects)})


async def _get(client: Client, stream: str, query: Mapping[str, Any]) -> list[StoredMessage]:
    replies = asyncio.Queue[Msg]()
    inbox = client.new_inbox()
    try:
        subscription = await client.subscribe(inbox, cb=replies.put)
        try:
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(query).encode(), inbox)
            return await _received(replies, stream)
        finally:
            with suppress(NatsError):  # a connection that is lost or draining ends the subscription by itself
                await subscription.unsubscribe()
    except (NatsError, OSError, TimeoutError) as error:
        raise Unavailable(f"NATS: cannot get messages of {stream}: {error!r}") from error


async def _received(replies: asyncio.Queue[Msg], stream: str) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    while True:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            message = await replies.get()
        headers = message.headers or {}
        if _SEQUENCE in headers:
            found.append(_stored(stream, message, headers))
        elif (status := headers.get("Status")) in _END:
            return found
        else:
            raise Unavailable(f"NATS: cannot get messages of {stream}: {status} {headers.get('Description', '')}")


def _stored(stream: str, message: Msg, headers: Mapping[str, str]) -> StoredMessage:
    raw = RawMessage(
        headers[_SUBJECT], message.data, {name: it for name, it in headers.items() if name not in _ABOUT_THE_REPLY}
    )
    stored_at = datetime.fromisoformat(headers[_STORED_AT])
    return StoredMessage(raw, stream, int(headers[_SEQUENCE]), stored_at, pending=int(headers[_PENDING]))
