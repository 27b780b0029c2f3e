"""The suite that all attacks are played against, and what attackers have: credentials, keys, requests to aim at."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from temporalio.client import Client

from perdure.approvers import SigningKey
from perdure.bus import decode
from perdure.bus.permissions import ROLES
from perdure.contracts import ApprovalRequested, DeadLetter, Decision, Receipt, to_token
from perdure.local.nkeys import seed_file
from perdure.local.state import State
from tests.support.attacks.channels import Channels
from tests.support.people import signed
from tests.support.roles import RoleClient, Server
from tests.support.suite import World

__all__ = ["AttackedSuite", "attacked_suite"]

WITHIN: Final = 60.0  # seconds


@dataclass
class AttackedSuite:
    """A running suite, and what its attackers may hold.

    Attributes:
        server: Its NATS server, for more clients.
        roles: A connection with the credentials of each role.
        keys: The private keys of the approvers ada, bob (both editors), eve (no role) and hana, who is honest.
        channels: The servers of its channels.
        victims: Requests that an attack aims at, by id; none of them may be decided.
        runs: Workflow ids of the runs that may have started.
        excused: Requests that were decided by an attack of which it is known that it succeeds.
    """

    world: World
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
        run = f"{workflow}-{event}"
        body = {"title": f"Pay {event}?", "policy": {"roles": ["editor"]}, **data}
        self.runs.add(run)
        await self.world.publish(f"work.{workflow.lower()}", json.dumps(body).encode(), Nats_Msg_Id=event)
        requested = await self.requested(workflow, run)
        self.victims[requested.request_id] = requested
        return requested

    async def requested(self, workflow: str, run: str) -> ApprovalRequested:
        """Wait for the request of a run."""
        async with asyncio.timeout(WITHIN):
            async for stored in self.world.bus.subscribe(
                f"approvals.requested.{workflow}.{to_token(run)}", replay=True
            ):
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
        ack = await self.roles[role].nats.jetstream().publish(f"decisions.{to_token(run)}", body)
        return ack.seq

    async def receipt(self, request_id: str, decision_id: str | None, sequence: int, *, within: float = WITHIN) -> str:
        """Wait for the final receipt of a decision, and return its code; without an id one that names its place."""
        place = f"DECISIONS.{sequence}"
        async with asyncio.timeout(within):
            async for stored in self.world.bus.subscribe(f"receipts.{to_token(request_id)}", replay=True):
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
        """Wait for the dead letter of a message, and return its reason."""
        async with asyncio.timeout(WITHIN):
            async for stored in self.world.bus.subscribe("dlq.>", replay=True):
                found = decode(stored.raw)
                assert isinstance(found, DeadLetter)
                if (found.stream, found.stream_sequence) == (stream, sequence):
                    return found.reason
        raise AssertionError("the bus was closed")

    async def dead_letters(self) -> AsyncIterator[DeadLetter]:
        """Yield the dead letters that there are now."""
        async for stored in self.world.bus.read("dlq.>"):
            found = decode(stored.raw)
            assert isinstance(found, DeadLetter)
            yield found

    async def signals(self, run: str) -> int:
        """Return how many signals Temporal has stored for a run."""
        temporal = await Client.connect(self.world.suite.endpoints.temporal)
        history = await temporal.get_workflow_handle(run).fetch_history()
        return sum(event.HasField("workflow_execution_signaled_event_attributes") for event in history.events)

    async def decided(self) -> set[str]:
        """Return the ids of all requests that were decided."""
        return {json.loads(it.raw.body)["request_id"] async for it in self.world.bus.read("approvals.decided.>")}

    async def excuse(self) -> None:
        """Accept what an attack has done of which it is known that it succeeds."""
        self.runs |= set(await self.world.facts())
        self.excused |= await self.decided() & set(self.victims)


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
        yield AttackedSuite(world, server, roles, keys, channels)
