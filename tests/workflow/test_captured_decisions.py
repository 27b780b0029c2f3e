"""Whoever has the bytes of a decision that counted gains nothing: not in a later run, and not in a stream made anew."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.contracts import Receipt
from tests.support.bridges import TwoAgree, new_bridge, stored_decision
from tests.support.people import approvers_file, directory, signed_body
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEYS = {"ann": SigningKey.new(), "bob": SigningKey.new(), "cat": SigningKey.new()}


@pytest.fixture
def approvers(tmp_path: Path) -> ApproversFile:
    return approvers_file(tmp_path / "approvers.yaml", directory(KEYS))


async def vote(worker: ScriptedWorker, run: WorkflowHandle[object, object], who: str) -> bytes:
    """Return the signed vote of somebody on the newest request of a run."""
    await worker.approval_request(run.id)
    return signed_body(KEYS[who], who, f"{run.id}.1", worker.digest(f"{run.id}.1"), nonce=uuid4().hex)


def codes(bus: MemoryBus) -> list[tuple[str, str]]:
    return [(it.decision_id.split(".")[2], it.code) for it in bus.published if isinstance(it, Receipt)]


async def test_a_captured_decision_counts_in_no_later_run_of_its_id(
    environment: WorkflowEnvironment, approvers: ApproversFile
) -> None:
    queue = uuid4().hex
    async with open_scripted_worker(environment, TwoAgree, queue=queue, approvers=approvers) as worker:
        run = await worker.start("TwoAgree", run_id="again")
        bridge = new_bridge(worker, environment.client, MemoryKeyValue(), approvers.path)
        captured = [await vote(worker, run, who) for who in ("ann", "bob")]
        for body in captured:
            await bridge.decision(await stored_decision(worker, run.id, body))
        assert await run.result() == "ann, bob"

    async with open_scripted_worker(environment, TwoAgree, queue=queue, approvers=approvers) as later:
        run = await later.start("TwoAgree", run_id="again")
        await later.approval_request()
        bridge = new_bridge(later, environment.client, MemoryKeyValue(), approvers.path)  # as if all claims were lost
        for body in [*captured, *[await vote(later, run, who) for who in ("bob", "cat")]]:
            await bridge.decision(await stored_decision(later, run.id, body))

        assert await run.result() == "bob, cat"
    assert codes(later.bus) == [
        ("ann", "wrong_digest"),
        ("bob", "wrong_digest"),
        ("bob", "accepted"),
        ("cat", "accepted"),
    ]


async def test_a_stream_that_is_made_anew_makes_no_decision_count_twice(
    environment: WorkflowEnvironment, approvers: ApproversFile
) -> None:
    queue, entries = uuid4().hex, MemoryKeyValue()
    async with open_scripted_worker(environment, TwoAgree, queue=queue, approvers=approvers) as worker:
        run = await worker.start("TwoAgree")
        bridge = new_bridge(worker, environment.client, entries, approvers.path)
        ann, bob = [await vote(worker, run, who) for who in ("ann", "bob")]
        await bridge.decision(await stored_decision(worker, run.id, ann))
        await anext(aiter(worker.bus.subscribe(f"receipts.{run.id}=2E1", replay=True)))

    async with open_scripted_worker(environment, TwoAgree, queue=queue, approvers=approvers) as anew:
        bridge = new_bridge(anew, environment.client, entries, approvers.path)
        for body in (ann, ann, bob):  # at the place where it was counted, at another one, and the honest one
            await bridge.decision(await stored_decision(anew, run.id, body))

        assert await run.result() == "ann, bob"
    assert codes(worker.bus) == [("ann", "accepted")]
    assert codes(anew.bus) == [("ann", "replayed"), ("bob", "accepted")]


async def test_a_revocation_with_an_earlier_instant_takes_no_vote_back(
    environment: WorkflowEnvironment, approvers: ApproversFile
) -> None:
    async with open_scripted_worker(environment, TwoAgree, approvers=approvers) as worker:
        run = await worker.start("TwoAgree")
        bridge = new_bridge(worker, environment.client, MemoryKeyValue(), approvers.path)
        ann, bob = [await vote(worker, run, who) for who in ("ann", "bob")]
        await bridge.decision(await stored_decision(worker, run.id, ann))
        await anext(aiter(worker.bus.subscribe(f"receipts.{run.id}=2E1", replay=True)))
        with approvers.changing() as (before, changed):
            key = before.approvers["ann"].keys[0].model_copy(update={"revoked": datetime(2026, 1, 1, tzinfo=UTC)})
            people = {**before.approvers, "ann": before.approvers["ann"].model_copy(update={"keys": (key,)})}
            changed.append(before.model_copy(update={"approvers": people}))
        await bridge.decision(await stored_decision(worker, run.id, bob))

        assert await run.result() == "ann, bob"
