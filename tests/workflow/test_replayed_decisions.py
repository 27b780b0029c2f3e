"""A captured decision that is published again and again never reaches Temporal."""

import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import MemoryKeyValue
from perdure.contracts import Receipt
from perdure_orchestrator.decision_places import DecisionPlaces
from tests.support.bridges import TwoAgree, new_bridge, stored_decision, stored_message, unreachable
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.people import approvers_file, directory, signed_body
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def respelled(body: bytes, number: int) -> bytes:
    """Return other bytes with the same signed content: other spaces, or another base64 of the signature."""
    fields = json.loads(body)
    if number % 2:
        loose = fields["signature"].rstrip("=")
        last = BASE64.index(loose[-1])
        fields["signature"] = loose[:-1] + BASE64[last ^ 1] + "=="
        assert b64encode(b64decode(fields["signature"])) != fields["signature"].encode()
    return b" " * number + json.dumps(fields, indent=number % 5).encode()


async def test_ten_thousand_repetitions_leave_the_history_of_the_run_as_it_is(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    ada = SigningKey.new()
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": ada})).path
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, TwoAgree, approvers=ApproversFile(approvers)) as worker:
        run = await worker.start("TwoAgree")
        body = signed_body(ada, "ada", f"{run.id}.1", (await worker.approval_request()).digest)
        first = await stored_decision(worker, run.id, body)
        await new_bridge(worker, environment.client, entries, approvers).decision(first)
        await worker.bus.last(f"receipts.{run.id}=2E1")

        cut_off = new_bridge(worker, await unreachable(), entries, approvers)  # a signal would raise an error
        for place in range(2, 10_002):
            await cut_off.decision(stored_message(f"decisions.{run.id}", place, respelled(body, place % 100)))

        codes = [it.code for it in worker.bus.published if isinstance(it, Receipt) and it.place]
        assert codes == ["replayed"] * 10_000
        await run.cancel()


async def test_wherever_a_bridge_dies_the_claim_of_the_first_place_stays() -> None:
    body, entries = {"nonce": "n", "signature": "s"}, MemoryKeyValue()
    for number in range(1, 10):
        fuse = Fuse(number)
        try:
            await DecisionPlaces(Fused(entries, fuse)).claim(body, "DECISIONS.1")
        except Killed:
            assert await DecisionPlaces(entries).claim(body, "DECISIONS.1") == "DECISIONS.1"

        assert await DecisionPlaces(entries).claim(body, "DECISIONS.2") == "DECISIONS.1"
        if fuse.left > 0:
            break


async def test_a_claim_that_is_given_up_goes_to_the_next_place() -> None:
    body, claims = {"nonce": "n"}, DecisionPlaces(MemoryKeyValue())
    await claims.claim(body, "DECISIONS.1")
    await claims.release(body)

    assert await claims.claim(body, "DECISIONS.2") == "DECISIONS.2"
    assert await claims.claim(body, "DECISIONS.1") == "DECISIONS.2"
