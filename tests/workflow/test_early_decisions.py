"""A decision on a run that has not begun says at once that it waits, and one on nothing that there is no run."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import KeyValue, MemoryKeyValue, RawMessage
from perdure.contracts import EventReference, Receipt, StartWorkflow, to_token
from perdure.errors import Unavailable
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.early_places import EarlyPlaces
from tests.support.bridges import TwoAgree, new_bridge, stored_message
from tests.support.people import approvers_file, directory, signed_body
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTE = timedelta(minutes=1)


Verb = Literal["approve", "withdraw"]

KEYS = {"ada": SigningKey.new(), "bob": SigningKey.new()}


def decision(who: str, run: str, verb: Verb = "approve") -> bytes:
    """Return a decision on a request that nobody has seen, and so with any digest."""
    return signed_body(KEYS[who], who, f"{run}.1", "0" * 64, decision=verb)


@asynccontextmanager
async def opened(
    environment: WorkflowEnvironment, folder: Path, entries: KeyValue | None = None
) -> AsyncIterator[tuple[ScriptedWorker, Bridge, str]]:
    """Yield a worker, a bridge to it and the id of a run that has not begun."""
    approvers = approvers_file(folder / "approvers.yaml", directory(KEYS)).path
    async with open_scripted_worker(environment, TwoAgree, approvers=ApproversFile(approvers)) as worker:
        bridge = new_bridge(worker, environment.client, entries or MemoryKeyValue(), approvers)
        yield worker, bridge, f"held-{uuid4().hex}"


def receipts(worker: ScriptedWorker) -> list[tuple[str, str | None, bool]]:
    return [(it.code, it.place, it.is_final) for it in worker.bus.published if isinstance(it, Receipt)]


async def hold(worker: ScriptedWorker, run: str) -> int:
    """Store a start as ingest holds it; returns its sequence."""
    start = StartWorkflow(
        route="r",
        event=EventReference(id="e", type="t", source="s", stream_sequence=1),
        workflow="TwoAgree",
        workflow_id=run,
        digest="a" * 64,
    )
    return await worker.bus.publish_raw(RawMessage("waiting.start.r.3.k", start.model_dump_json().encode(), {}))


async def test_a_young_decision_gets_the_receipt_that_it_waits_once_and_is_tried_again(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with opened(environment, tmp_path) as (worker, bridge, run):
        message = stored_message(f"decisions.{run}", 1, decision("ada", run))
        for _ in range(3):
            with pytest.raises(Unavailable, match="has begun yet"):
                await bridge.decision(message)

        assert receipts(worker) == [("waiting", "DECISIONS.1", False)]


async def test_an_old_decision_on_nothing_gets_unknown_run_at_once(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with opened(environment, tmp_path) as (worker, bridge, run):
        await bridge.decision(stored_message(f"decisions.{run}", 1, decision("ada", run), age=MINUTE))

        assert receipts(worker) == [("unknown_run", "DECISIONS.1", True)]


async def test_decisions_on_a_held_run_are_judged_in_the_order_of_storage_once_it_begins(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    async with opened(environment, tmp_path) as (worker, bridge, run):
        held = await hold(worker, run)
        votes: list[tuple[str, Verb]] = [("ada", "approve"), ("ada", "withdraw"), ("bob", "approve")]
        for who, verb in votes:
            body, subject = decision(who, run, verb), f"decisions.{to_token(run)}"
            place = await worker.bus.publish_raw(RawMessage(subject, body, {}))
            await bridge.decision(stored_message(subject, place, body, age=MINUTE))
        assert {code for code, _, _ in receipts(worker)} == {"waiting"}
        releasing = asyncio.create_task(bridge.decisions.release_early())
        try:
            await worker.start("TwoAgree", run_id=run)
            await worker.bus.delete("WAITING", held)
            async with asyncio.timeout(30):
                while len(receipts(worker)) < 6:
                    await asyncio.sleep(0.05)
        finally:
            releasing.cancel()

        assert [code for code, _, final in receipts(worker) if final] == ["wrong_digest"] * 3
        await environment.client.get_workflow_handle(run).cancel()


async def test_a_held_start_that_is_given_up_ends_the_wait(environment: WorkflowEnvironment, tmp_path: Path) -> None:
    async with opened(environment, tmp_path) as (worker, bridge, run):
        held = await hold(worker, run)
        body = decision("ada", run)
        place = await worker.bus.publish_raw(RawMessage(f"decisions.{run}", body, {}))
        await bridge.decision(stored_message(f"decisions.{run}", place, body, age=MINUTE))
        await worker.bus.delete("WAITING", held)
        releasing = asyncio.create_task(bridge.decisions.release_early())
        try:
            async with asyncio.timeout(30):
                while receipts(worker)[-1][0] != "unknown_run":
                    await asyncio.sleep(0.05)
        finally:
            releasing.cancel()


async def test_the_number_of_waiting_decisions_is_bounded() -> None:
    early = EarlyPlaces(MemoryKeyValue(), "DECISIONS")

    assert [await early.add("run", sequence) for sequence in range(40)] == [True] * 32 + [False] * 8
    assert await early.add("run", 31), "one that waits is no further one"
    for sequence in range(32):
        await early.remove("run", sequence)
    assert await early.places() == {}


async def test_another_bridge_that_took_over_is_noticed() -> None:
    entries = MemoryKeyValue()
    old, new = EarlyPlaces(entries, "DECISIONS"), EarlyPlaces(entries, "DECISIONS")
    await old.places()
    await new.add("run", 1)

    with pytest.raises(Unavailable, match="Another bridge"):
        await old.add("run", 2)
    assert await old.places() == {"run": [1]}


async def test_a_decision_beyond_the_bound_gets_a_receipt_that_says_so_and_counts_when_it_is_made_again(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    entries = MemoryKeyValue()
    early = EarlyPlaces(entries, "DECISIONS")
    await entries.put("early", json.dumps({f"other{number}": [number] for number in range(1, 1_001)}).encode())
    async with opened(environment, tmp_path, entries) as (worker, bridge, run):
        await hold(worker, run)
        body = decision("ada", run)
        await bridge.decision(stored_message(f"decisions.{run}", 1_001, body, age=MINUTE))
        (refused,) = [it for it in worker.bus.published if isinstance(it, Receipt) and it.is_final]
        await early.remove("other1", 1)
        another = new_bridge(worker, environment.client, entries, tmp_path / "approvers.yaml")
        await another.decision(stored_message(f"decisions.{run}", 1_002, body, age=MINUTE))

        assert (refused.code, refused.place) == ("unknown_run", "DECISIONS.1001")
        assert "those of 1,000 runs. Decide again once the run has begun" in refused.reason
        assert (await early.places())[run] == [1_002]
