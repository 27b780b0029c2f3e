"""The suite that all attacks are played against, and what attackers have: credentials, keys, requests to aim at."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from nats.js import JetStreamContext
from temporalio.client import Client

from perdure.approvers import SigningKey
from perdure.bus import Bus, decode, encode
from perdure.bus.permissions import ROLES
from perdure.contracts import ApprovalRequested, DeadLetter, Decision, Message, Receipt, to_token
from perdure.contracts.outcomes import EventOutcome
from perdure.local.nkeys import seed_file
from perdure.local.state import State
from tests.support.attacks.channels import Channels
from tests.support.people import signed
from tests.support.roles import RoleClient, Server
from tests.support.suite import World

__all__ = ["WITHIN", "AttackedSuite", "attacked_suite"]

WITHIN: Final = 60.0  # seconds
_POLL_EVERY: Final = 0.05  # seconds


@dataclass
class AttackedSuite:
    """A running suite, and what its attackers may hold.

    Attributes:
        world: The suite.
        bus: A connection as its operator, to look at what is stored.
        temporal: A client of its Temporal, which anybody has who reaches the port.
        notifier_url: The notifier's port.
        server: Its NATS server, for more clients.
        roles: A connection with the credentials of each role.
        keys: The private keys of the approvers ada, bob (both editors), eve (no role) and hana, who is honest.
        channels: The servers of its channels.
        victims: Requests that an attack aims at, by id; none of them may be decided.
        runs: Workflow ids of the runs that may have started.
        excused: Other requests that were decided, as they should be.
    """

    world: World
    bus: Bus
    temporal: Client
    notifier_url: str
    server: Server
    roles: dict[str, RoleClient]
    keys: dict[str, SigningKey]
    channels: Channels
    victims: dict[str, ApprovalRequested] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    async def request(self, workflow: str = "Asking", **data: Any) -> ApprovalRequested:
        """Start a run that requests an approval of editors, and return the request."""
        event = self.new_id("victim")
        run = f"{workflow}~{event}"
        body = {"title": f"Pay {event}?", "policy": {"roles": ["editor"]}, **data}
        self.runs.add(run)
        await self.publish_raw(
            "publisher", f"events.work.{workflow.lower()}", json.dumps(body).encode(), **{"Nats-Msg-Id": event}
        )
        requested = await self.requested(workflow, run)
        self.victims[requested.request_id] = requested
        return requested

    async def requested(self, workflow: str, run: str) -> ApprovalRequested:
        """Wait for the request of a run."""
        async with asyncio.timeout(WITHIN):
            async for stored in self.bus.subscribe(f"approvals.requested.{workflow}.{to_token(run)}", replay=True):
                requested = decode(stored.raw)
                assert isinstance(requested, ApprovalRequested)
                return requested
        raise AssertionError("the bus was closed")

    def vote(
        self,
        about: ApprovalRequested,
        who: str = "ada",
        choice: Literal["approve", "reject", "withdraw"] = "approve",
        *,
        key: str | SigningKey | None = None,
        **changes: Any,
    ) -> Decision:
        """Return a signed decision, by default as the approver would sign it themselves."""
        signing = key if isinstance(key, SigningKey) else self.keys[key or who]
        fields = {"nonce": self.new_id("nonce"), "first_run_id": about.first_run_id, **changes}
        digest = fields.pop("digest", about.digest)
        request_id = fields.pop("request_id", about.request_id)
        return signed(signing, who, request_id, digest, decision=choice, **fields)

    async def send(self, role: str, run: str, decision: Decision | bytes) -> int:
        """Publish a decision on a run with the credentials of a role; returns its sequence in DECISIONS."""
        body = decision if isinstance(decision, bytes) else decision.model_dump_json().encode()
        return await self.publish_raw(role, f"decisions.{to_token(run)}", body)

    async def publish(self, role: str, message: Message) -> int:
        """Publish a message of Perdure's contracts with the credentials of a role; returns its sequence."""
        raw = encode(message, source="perdure/attacker")
        return await self.publish_raw(role, raw.subject, raw.body, **raw.headers)

    async def publish_raw(self, role: str, subject: str, body: bytes, **headers: str) -> int:
        """Publish bytes with the credentials of a role; returns their sequence in their stream."""
        return (await self.jetstream(role).publish(subject, body, headers=headers or None)).seq

    def jetstream(self, role: str) -> JetStreamContext:
        """Return JetStream as a role has it, with patience."""
        return self.roles[role].nats.jetstream(timeout=WITHIN)

    async def outcome(self, type_: str, sequence: int) -> str:
        """Wait until an event was refused, or has started a run; returns the reason, or the run."""
        query = b'{"stream_sequence": %d}' % sequence
        async with asyncio.timeout(WITHIN):
            while True:
                reply = await self.roles["publisher"].nats.request(f"queries.events.outcome.{type_}", query, timeout=10)
                found = EventOutcome.model_validate_json(reply.data)
                if found.refused is not None:
                    return found.refused.reason
                if found.runs and found.state != "accepted":
                    return f"run {found.runs[0].workflow_id}"
                await asyncio.sleep(_POLL_EVERY)

    async def receipt(self, request_id: str, decision_id: str | None, sequence: int, *, within: float = WITHIN) -> str:
        """Wait for the final receipt of a decision, and return its code; without an id one that names its place."""
        place = f"DECISIONS.{sequence}"
        async with asyncio.timeout(within):
            async for stored in self.bus.subscribe(f"receipts.{to_token(request_id)}", replay=True):
                receipt = decode(stored.raw)
                assert isinstance(receipt, Receipt)
                is_final = receipt.is_final
                if is_final and place in {receipt.place, receipt.decision_id}:
                    return receipt.code
                if is_final and receipt.place is None and receipt.decision_id == decision_id:
                    return receipt.code
        raise AssertionError("the bus was closed")

    async def decide(self, role: str, decision: Decision) -> str:
        """Publish a decision with the credentials of a role, and return the code of its receipt."""
        sequence = await self.send(role, decision.workflow_id, decision)
        return await self.receipt(decision.request_id, decision.message_id, sequence)

    async def dead_letter(self, stream: str, sequence: int) -> str:
        """Wait for the dead letter of a decision, command or signal, and return its reason."""
        async with asyncio.timeout(WITHIN):
            async for stored in self.bus.subscribe("dlq.orchestrator", replay=True):
                found = decode(stored.raw)
                assert isinstance(found, DeadLetter)
                if (found.stream, found.stream_sequence) == (stream, sequence):
                    return found.reason
        raise AssertionError("the bus was closed")

    async def delivered(self, stream: str, sequence: int) -> None:
        """Wait until a message was delivered to the orchestrator."""
        async with asyncio.timeout(WITHIN):
            while (await self.world.bus.js.consumer_info(stream, "orchestrator")).delivered.stream_seq < sequence:
                await asyncio.sleep(_POLL_EVERY)

    async def signals(self, run: str) -> int:
        """Return how many signals Temporal has stored for a run."""
        history = await self.temporal.get_workflow_handle(run).fetch_history()
        return sum(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)

    async def decided(self) -> set[str]:
        """Return the ids of all requests that were decided."""
        return {json.loads(it.raw.body)["request_id"] async for it in self.bus.read("approvals.decided.>")}

    async def is_decided(self, about: ApprovalRequested) -> str:
        """Wait until a request is decided, and return ``decided``."""
        subject = f"approvals.decided.{about.workflow}.{to_token(about.workflow_id)}"
        async with asyncio.timeout(WITHIN):
            async for _ in self.bus.subscribe(subject, replay=True):
                return "decided"
        raise AssertionError("the bus was closed")

    async def still_open(self, about: ApprovalRequested) -> str:
        """Let eve vote, who has no role: the run judges that vote after everything that reached it before.

        Returns ``still open``, or the code of a receipt that a closed request would give her.
        """
        code = await self.decide("bot", self.vote(about, "eve"))
        return "still open" if code == "not_allowed" else code


@asynccontextmanager
async def attacked_suite(world: World, keys: dict[str, SigningKey], channels: Channels) -> AsyncIterator[AttackedSuite]:
    """Connect to a suite with the credentials of every role."""
    stolen = world.log.with_name("stolen")
    stolen.mkdir()
    for role in ROLES:
        shutil.copy(State(world.settings.state).seed(role), seed_file(stolen, role))
    server = Server(world.suite.endpoints.nats, stolen)
    async with AsyncExitStack() as stack:
        roles = {role: await stack.enter_async_context(server.client(role)) for role in ROLES}
        temporal = await Client.connect(world.suite.endpoints.temporal)
        notifier = world.suite.endpoints.services["notifier"]
        yield AttackedSuite(world, world.bus, temporal, notifier, server, roles, keys, channels)
