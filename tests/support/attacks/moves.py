"""What attackers do, again and again: publish, subscribe, vote, and post."""

from collections.abc import Callable
from typing import Any

from perdure.contracts import ApprovalRequested, Decision
from tests.support.attacks.attack import Move
from tests.support.attacks.suite import AttackedSuite

__all__ = ["altered", "event", "publishes", "subscribes", "unread", "votes"]


def publishes(role: str, *subjects: str, body: bytes = b"{}") -> Move:
    """Publish on each of these subjects."""

    async def act(suite: AttackedSuite) -> str:
        allowed = [it for it in subjects if await suite.roles[role].may_publish(it, body)]
        return f"allowed: {', '.join(allowed)}" if allowed else "violation"

    return act


def subscribes(role: str, *subjects: str) -> Move:
    """Subscribe to each of these subjects."""

    async def act(suite: AttackedSuite) -> str:
        allowed = [it for it in subjects if await suite.roles[role].may_subscribe(it)]
        return f"allowed: {', '.join(allowed)}" if allowed else "violation"

    return act


def event(type_: str, body: bytes, **headers: str) -> Move:
    """Publish an event as a publisher, and ask what has become of it: a dead letter, or a run."""

    async def act(suite: AttackedSuite) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await suite.outcome(type_, await suite.publish_raw("publisher", f"events.{type_}", body, **sent))

    return act


def votes(
    who: str = "ada",
    choice: Any = "approve",
    *,
    role: str = "bot",
    key: str | None = None,
    request: dict[str, Any] | None = None,
    **changes: Any,
) -> Move:
    """Publish a decision on a new request; ``changes`` are made before it is signed."""

    async def act(suite: AttackedSuite) -> str:
        requested = await suite.request(**(request or {}))
        return await suite.decide(role, suite.vote(requested, who, choice, key=key, **changes))

    return act


def altered(change: Callable[[bytes], bytes], *, role: str = "bot") -> Move:
    """Publish ada's valid decision with its bytes changed after signing."""

    async def act(suite: AttackedSuite) -> str:
        requested = await suite.request()
        decision = suite.vote(requested)
        body = change(decision.model_dump_json().encode())
        return await receipt_of(suite, requested, decision, body, role=role)

    return act


def unread(change: Callable[[bytes], bytes]) -> Move:
    """Publish ada's decision with bytes that make it none; returns the reason of the dead letter."""

    async def act(suite: AttackedSuite) -> str:
        requested = await suite.request()
        body = change(suite.vote(requested).model_dump_json().encode())
        return await suite.dead_letter("DECISIONS", await suite.send("bot", requested.workflow_id, body))

    return act


async def receipt_of(
    suite: AttackedSuite, about: ApprovalRequested, decision: Decision, body: bytes, *, role: str = "bot"
) -> str:
    """Publish bytes in place of a decision, and return the code of their receipt."""
    sequence = await suite.send(role, about.workflow_id, body)
    return await suite.receipt(about.request_id, decision.message_id, sequence)
