"""A bare consumer, with nats-py alone: it fetches messages, publishes one for each, and acknowledges.

``python -m bench.bare NATS STREAM DURABLE SUBJECT AT_ONCE`` runs until SIGTERM.
"""

import asyncio
import sys
from contextlib import suppress
from typing import Final

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext

_BATCH: Final = 64


async def _forward(js: JetStreamContext, message: Msg, subject: str) -> None:
    await js.publish(subject, message.data)
    await message.ack()


async def _consume(server: str, stream: str, durable: str, subject: str, at_once: int) -> None:
    client = await nats.connect(server)
    js = client.jetstream()
    subscription = await js.pull_subscribe_bind(durable, stream=stream)
    while True:
        with suppress(TimeoutError):  # no message; nats-py raises its own error or asyncio's
            messages = await subscription.fetch(_BATCH, timeout=5)
            for first in range(0, len(messages), at_once):
                await asyncio.gather(*(_forward(js, it, subject) for it in messages[first : first + at_once]))


if __name__ == "__main__":
    _server, _stream, _durable, _subject, _at_once = sys.argv[1:]
    asyncio.run(_consume(_server, _stream, _durable, _subject, int(_at_once)))
