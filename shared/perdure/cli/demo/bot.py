"""A ChatOps bot in miniature, a process of its own: it knows NATS and JSON, and nothing of Perdure or Temporal."""

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import nats
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from nats.aio.msg import Msg
from nats.js import JetStreamContext


async def main(server: str, workflow_id: str, key_file: str) -> int:
    """Wait for this run's approval request, approve exactly what it shows, and wait for the receipt."""
    seed = os.environ.get("NATS_NKEY_SEED_FILE")
    client = await nats.connect(server, nkeys_seed=seed, inbox_prefix="_INBOX_bot")
    js = client.jetstream()
    requests = await js.pull_subscribe("approvals.requested.>", stream="APPROVALS")
    async for message in _each(requests):
        request = json.loads(message.data)
        if request["workflow_id"] == workflow_id:
            break
    print(f"bot: I see {request['title']!r}, digest {request['digest'][:12]}…")  # noqa: T201 (the bot speaks)
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
    async for message in _each(receipts):
        receipt = json.loads(message.data)
        if receipt["request_id"] == request["request_id"]:
            break
    print(f"bot: my approval was {'accepted' if receipt['accepted'] else 'refused'}: {receipt['reason']}")  # noqa: T201
    await client.drain()
    return 0 if receipt["accepted"] else 1


async def _each(told: JetStreamContext.PullSubscription) -> AsyncIterator[Msg]:
    """Give what a stream holds, from its beginning, and then what comes."""
    while True:
        try:
            (message,) = await told.fetch(1, timeout=5)
        except TimeoutError:  # nothing came
            continue
        await message.ack()
        yield message


def _signed(decision: dict[str, str], key_file: Path) -> bytes:
    """Sign all fields in the canonical form of RFC 8785, which for fields of text is: sorted, and without spaces."""
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)  # noqa: S101 (a demonstration, and mypy asks)
    said = decision | {"key_id": sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]}
    signature = key.sign(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    return json.dumps(said | {"signature": b64encode(signature).decode()}).encode()


def _trace(message: Msg) -> str:
    """The answer belongs to the trace of the question."""
    return (message.headers or {}).get("traceparent", "")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
