"""A minimal ChatOps bot in its own process: it uses NATS and JSON, and imports nothing of Perdure or Temporal."""

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import nats
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from nats.aio.msg import Msg
from nats.js import JetStreamContext

_COVERED: Final = [
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
]


async def main(server: str, workflow_id: str, key_file: str) -> int:
    """Wait for the run's approval request, approve its digest, and wait for the receipt."""
    seed = os.environ.get("NATS_NKEY_SEED_FILE")
    client = await nats.connect(server, nkeys_seed=seed, inbox_prefix="_INBOX_bot")
    js = client.jetstream()
    requests = await js.pull_subscribe("approvals.requested.>", stream="APPROVALS")
    async for message in _messages(requests):
        request = json.loads(message.data)
        if request["workflow_id"] == workflow_id:
            break
    if _digest_of(request) != request["digest"]:
        print("bot: the request shows something else than its digest is about")  # noqa: T201 (the bot's output)
        return 1
    print(f"bot: I see {request['title']!r}, digest {request['digest'][:12]}…")  # noqa: T201 (likewise)
    decision = {
        "request_id": request["request_id"],
        "decision": "approve",
        "approver": Path(key_file).stem,
        "comment": "Looks right to me.",
        "digest": request["digest"],
        "nonce": uuid4().hex,
        "first_run_id": request["first_run_id"],
    }
    signed = _signed(decision, Path(key_file))
    token = message.subject.split(".")[-1]
    receipts = await js.pull_subscribe("receipts.>", stream="RECEIPTS")
    await js.publish(f"decisions.{token}", signed, headers={"traceparent": _trace(message)})
    async for message in _messages(receipts):
        receipt = json.loads(message.data)
        if receipt["request_id"] == request["request_id"]:
            break
    print(f"bot: my approval was {'accepted' if receipt['accepted'] else 'refused'}: {receipt['reason']!r}")  # noqa: T201 (likewise)
    await client.drain()
    return 0 if receipt["accepted"] else 1


def _digest_of(request: dict[str, Any]) -> str:
    """Compute the digest of what a request shows: SHA-256 of the RFC 8785 form of exactly these fields."""
    return sha256(rfc8785.dumps({name: request.get(name) for name in _COVERED})).hexdigest()


async def _messages(subscription: JetStreamContext.PullSubscription) -> AsyncIterator[Msg]:
    """Yield the messages of a stream from its beginning, then new ones; each is acknowledged."""
    while True:
        try:
            (message,) = await subscription.fetch(1, timeout=5)
        except TimeoutError:  # no message yet
            continue
        await message.ack()
        yield message


def _signed(decision: dict[str, str], key_file: Path) -> bytes:
    """Sign all fields in the canonical JSON of RFC 8785."""
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)  # noqa: S101 (narrows the type for mypy)
    fields = decision | {"key_id": sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]}
    signature = key.sign(rfc8785.dumps(fields))
    return json.dumps(fields | {"signature": b64encode(signature).decode()}).encode()


def _trace(message: Msg) -> str:
    """Return the trace context of the request, so that the decision joins its trace."""
    return (message.headers or {}).get("traceparent", "")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
