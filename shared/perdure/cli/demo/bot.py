"""A ChatOps bot in miniature, a process of its own: it knows NATS and JSON, and nothing of Perdure or Temporal."""

import asyncio
import json
import sys
from uuid import uuid4

import nats
from nats.aio.msg import Msg


async def main(server: str, workflow_id: str) -> int:
    """Wait for this run's approval request, approve exactly what it shows, and wait for the receipt."""
    client = await nats.connect(server)
    js = client.jetstream()
    requests = await js.subscribe("approvals.requested.>", ordered_consumer=True)
    async for message in requests.messages:
        request = json.loads(message.data)
        if request["workflow_id"] == workflow_id:
            break
    print(f"bot: I see {request['title']!r}, digest {request['digest'][:12]}…")  # noqa: T201 (the bot speaks)
    decision = {
        "request_id": request["request_id"],
        "decision": "approve",
        "approver": "demo-bot",
        "comment": "Looks right to me.",
        "digest": request["digest"],
        "nonce": uuid4().hex,
    }
    token = message.subject.split(".")[-1]
    receipts = await js.subscribe("receipts.>", ordered_consumer=True)
    await js.publish(f"decisions.{token}", json.dumps(decision).encode(), headers={"traceparent": _trace(message)})
    async for message in receipts.messages:
        receipt = json.loads(message.data)
        if receipt["request_id"] == request["request_id"]:
            break
    print(f"bot: my approval was {'accepted' if receipt['accepted'] else 'refused'}: {receipt['reason']}")  # noqa: T201
    await client.drain()
    return 0 if receipt["accepted"] else 1


def _trace(message: Msg) -> str:
    """The answer belongs to the trace of the question."""
    return (message.headers or {}).get("traceparent", "")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
