"""A worker of an author's own verifies decisions as the orchestrator's does: by its approvers file, from NATS."""

import asyncio
from pathlib import Path
from uuid import uuid4

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.approvers import SigningKey
from perdure.bus import NatsBus, NatsKeyValue, RawMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import Settings
from perdure.contracts import ApprovalRequested, Decision
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.decision_verifier import VERIFICATIONS
from perdure_orchestrator.plugin import PerdurePlugin
from tests.support.bridges import TwoAgree
from tests.support.nats_server import nats_server
from tests.support.people import approvers_file, directory, signed
from tests.support.plugged import client

WITHIN = 30.0  # seconds, against waiting for ever


async def test_a_worker_of_ones_own_counts_what_the_approvers_signed(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys, run_id = {name: SigningKey.new() for name in ("ann", "bob", "eve")}, f"refund-{uuid4().hex}"
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    settings = Settings.model_validate({"temporal": {"sandbox": False}, "approvals": {"approvers": approvers}})
    with nats_server(tmp_path) as nats:
        connected = client(environment, plugins=[PerdurePlugin(settings.model_copy(update={"nats": nats}))])
        async with asyncio.timeout(WITHIN), connect(nats, source="perdure/test", within=5) as bus:
            await provision(bus.js, "orchestrator")
            async with Worker(connected, task_queue=run_id, workflows=[TwoAgree]):
                run = await connected.start_workflow("TwoAgree", id=run_id, task_queue=run_id)
                digest = await digest_of_request(bus)
                decisions = [signed(key, who, f"{run_id}.1", digest) for who, key in keys.items()]
                decisions[0] = decisions[0].model_copy(update={"decision": "reject"})  # not what ann signed
                for decision in decisions:
                    raw = RawMessage(decision.subject, decision.model_dump_json().encode(), {})
                    await run.signal("perdure_decision", handed_over(decision, await bus.publish_raw(raw)))

                assert await run.result() == "bob, eve"
            kept = [await NatsKeyValue(bus.js, VERIFICATIONS).get(f"DECISIONS.{place}") for place in (1, 2, 3, 4)]
    assert [value and b'"code":"forged"' in value for value in kept] == [True, False, False, None]


async def digest_of_request(bus: NatsBus) -> str:
    async for stored in bus.subscribe("approvals.requested.>", replay=True):
        request = decode(stored.raw)
        assert isinstance(request, ApprovalRequested)
        return request.digest
    raise AssertionError


def handed_over(decision: Decision, place: int) -> ReceivedDecision:
    return ReceivedDecision(decision_id=decision.message_id, decision=decision, place=f"DECISIONS.{place}")
