"""A ChatOps bot that uses only NATS, a key and the message contracts, without any code of Perdure.

bot.py KEY list | KEY approve REQUEST [COMMENT] | KEY reject REQUEST REASON
"""

import asyncio
import json
import logging
import os
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import nats
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

NATS = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
NKEY_SEED_FILE = os.environ.get("NATS_NKEY_SEED_FILE")  # the bot's NATS user, which may publish decisions only


# What a reviewer must see before deciding, for the digest is about all of it.
COVERED = [
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


async def open_requests(js: nats.js.JetStreamContext) -> dict[str, tuple[str, dict[str, Any]]]:
    """Read the whole stream and return the open requests, each with the last token of its subject."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    subscription = await js.pull_subscribe("approvals.>", stream="APPROVALS")
    left = (await js.stream_info("APPROVALS")).state.messages
    while left:
        (message,) = await subscription.fetch(1, timeout=5)
        await message.ack()
        left = message.metadata.num_pending
        fields = json.loads(message.data)
        if fields["type"] == "approvals.requested":
            found[fields["request_id"]] = message.subject.split(".")[-1], fields
        elif fields["type"] in {"approvals.decided", "approvals.expired"}:
            found.pop(fields["request_id"], None)
    await subscription.unsubscribe()
    return found


def digest_of(request: dict[str, Any]) -> str:
    """Compute the digest of what a request shows (docs/approvals.md): RFC 8785 of exactly these fields, SHA-256."""
    return sha256(rfc8785.dumps({name: request.get(name) for name in COVERED})).hexdigest()


def signed(decision: dict[str, str], key_file: Path) -> bytes:
    """Sign all fields in canonical form (RFC 8785)."""
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        sys.exit(f"{key_file} is not an Ed25519 key")
    fields = decision | {"key_id": sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]}
    return json.dumps(fields | {"signature": b64encode(key.sign(rfc8785.dumps(fields))).decode()}).encode()


def shown(text: str) -> str:
    """Escape what a terminal acts on, so that a title is text in one line and nothing else."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


async def main(key: str, verb: str, request_id: str = "", comment: str = "") -> int:
    seed = Path(NKEY_SEED_FILE).read_text().strip() if NKEY_SEED_FILE else None
    client = await asyncio.wait_for(nats.connect(NATS, nkeys_seed_str=seed, inbox_prefix="_INBOX_bot"), 10)
    js = client.jetstream()
    waiting = await open_requests(js)
    if verb == "list":
        for name, (_, request) in waiting.items():
            print(shown(name), request["digest"][:12], shown(request["title"]), json.dumps(request["action"]), sep="\t")
        return 0
    if request_id not in waiting:
        sys.exit(f"No request {request_id} is open.")
    token, request = waiting[request_id]
    if request.get("digest_version") != 2 or digest_of(request) != request["digest"]:
        sys.exit(f"The request {request_id} shows something else than its digest is about: nothing is signed.")
    decision = {
        "request_id": request_id,
        "decision": verb,
        "approver": Path(key).stem,
        "comment": comment,
        "digest": request["digest"],
        "nonce": uuid4().hex,
        "first_run_id": request["first_run_id"],
    }
    decision_id = f"{request_id}.{decision['approver']}.{decision['nonce']}"
    receipts = await client.subscribe("receipts.>")
    await client.flush()
    await js.publish(f"decisions.{token}", signed(decision, Path(key)))
    try:
        async with asyncio.timeout(30):
            async for message in receipts.messages:
                receipt = json.loads(message.data)
                if receipt["decision_id"] == decision_id:
                    break
    except TimeoutError:
        sys.exit("No receipt within 30 s.")
    print("accepted" if receipt["accepted"] else "refused", receipt["code"], shown(receipt["reason"]), sep="\t")
    return 0 if receipt["accepted"] else 1


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in {"list", "approve", "reject", "withdraw"}:
        sys.exit(__doc__)
    logging.disable()  # nats-py logs a traceback for each attempt; the final error is printed here
    try:
        sys.exit(asyncio.run(main(*sys.argv[1:])))
    except TimeoutError:
        sys.exit(f"NATS at {NATS} does not answer, or does not accept this nkey.")
    except (OSError, nats.errors.Error) as error:
        sys.exit(f"The bot failed: {error}")
