"""A decision counts once and has one receipt, wherever the bridge dies."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import Approver, ApproversFile, SigningKey
from perdure.bus import MemoryKeyValue
from perdure.contracts import ApproversFileRead, Receipt
from perdure.errors import InvalidMessage, Unavailable
from tests.support.bridges import Echo, TwoAgree, new_bridge, stored_decision, stored_message, unreachable
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.people import approvers_file, directory, signed, signed_body
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def decision_of(key: SigningKey, who: str, run_id: str, worker: ScriptedWorker) -> bytes:
    return signed_body(key, who, f"{run_id}.1", (await worker.approval_request(run_id)).digest)


async def test_a_decision_published_twice_is_one_decision_with_a_receipt_for_each_place(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    ada = SigningKey.new()
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": ada})).path
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue(), approvers)
        for sequence in (1, 2):
            answer = signed_body(ada, "ada", "nobody.1", "a" * 64, nonce="n")
            await bridge.decision(stored_message("decisions.nobody", sequence, answer, age=timedelta(minutes=1)))

    assert [(it.decision_id, it.code, it.place) for it in worker.bus.published if isinstance(it, Receipt)] == [
        ("nobody.1.ada.n", "unknown_run", "DECISIONS.1"),
        ("nobody.1.ada.n", "unknown_run", "DECISIONS.2"),
    ]


async def test_a_decision_without_a_valid_signature_never_reaches_a_run(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    ada, mallory, old = SigningKey.new(), SigningKey.new(), SigningKey.new()
    known = directory({"ada": ada, "mallory": mallory, "old": old})
    revoked = known.approvers["old"].keys[0].model_copy(update={"revoked": datetime.now(UTC)})
    known.approvers["old"] = Approver(keys=(revoked,))
    approvers = approvers_file(tmp_path / "approvers.yaml", known).path
    decision = signed(ada, "ada", "nobody.1", "a" * 64)
    refused = {
        "unsigned": decision.model_copy(update={"signature": None}),
        "forged": decision.model_copy(update={"decision": "reject"}),
        "unknown_approver": signed(ada, "nobody", "nobody.1", "a" * 64),
        "unknown_key": signed(mallory, "ada", "nobody.1", "a" * 64),
        "revoked_key": signed(old, "old", "nobody.1", "a" * 64),
    }
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, await unreachable(), MemoryKeyValue(), approvers)  # a signal would raise an error
        for sequence, message in enumerate(refused.values(), 1):
            await bridge.decision(stored_message("decisions.nobody", sequence, message.model_dump_json().encode()))

    assert [receipt.code for receipt in worker.bus.published if isinstance(receipt, Receipt)] == list(refused)
    receipts = [receipt for receipt in worker.bus.published if isinstance(receipt, Receipt)]
    assert len({receipt.message_id for receipt in receipts}) == len(refused), "no two receipts share an id"
    (version,) = [it for it in worker.bus.published if isinstance(it, ApproversFileRead)]
    assert {receipt.approvers_digest for receipt in receipts} == {version.digest}


async def test_a_decision_that_comes_after_the_end_of_its_run_learns_how_the_request_was_settled(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(environment, TwoAgree, approvers=ApproversFile(approvers)) as worker:
        run = await worker.start("TwoAgree", run_id="agreed")
        bridge = new_bridge(worker, environment.client, MemoryKeyValue(), approvers)
        for who, key in keys.items():
            await bridge.decision(await stored_decision(worker, run.id, await decision_of(key, who, run.id, worker)))
        await run.result()
        late = signed_body(keys["ada"], "ada", f"{run.id}.1", "a" * 64, nonce="late")
        await bridge.decision(await stored_decision(worker, run.id, late))

    receipt = [it for it in worker.bus.published if isinstance(it, Receipt)][-1]
    assert receipt.code == "unknown_run"
    assert receipt.reason == f"The request {run.id}.1 (Agreed?) is approved by ada, bob. The run {run.id} has ended."


async def test_wherever_the_bridge_dies_a_decision_counts_once_and_has_one_receipt(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(environment, TwoAgree, approvers=ApproversFile(approvers)) as worker:
        for number in itertools.count(1):
            fuse, entries = Fuse(number), MemoryKeyValue()
            run = await worker.start("TwoAgree", run_id=f"two-{number}")
            dying = new_bridge(
                worker, Fused(environment.client, fuse), Fused(entries, fuse), approvers, Fused(worker.bus, fuse)
            )
            bridge = new_bridge(worker, environment.client, entries, approvers)
            adas, bobs = [await decision_of(key, who, run.id, worker) for who, key in keys.items()]
            ada, bob = [await stored_decision(worker, run.id, body) for body in (adas, bobs)]
            try:
                await dying.decision(ada)
            except Killed:
                await bridge.decision(ada)
            await bridge.decision(bob)

            assert await run.result() == "ada, bob"
            receipts = [it for it in worker.bus.published if isinstance(it, Receipt) and it.request_id == f"{run.id}.1"]
            assert [receipt.code for receipt in receipts] == ["accepted", "accepted"]
            if fuse.left > 0:
                break
    assert number == 9, "a record, a claim, a look at early decisions and a signal, each with two sparks"


async def test_wherever_the_bridge_dies_an_unknown_key_gets_one_receipt(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": SigningKey.new()})).path
    stranger = signed_body(SigningKey.new(), "ada", "nobody.1", "a" * 64)
    async with open_scripted_worker(environment, Echo) as worker:
        for number in itertools.count(1):
            fuse, message = Fuse(number), stored_message("decisions.nobody", number, stranger)
            dying = new_bridge(worker, await unreachable(), MemoryKeyValue(), approvers, Fused(worker.bus, fuse))
            try:
                await dying.decision(message)
            except Killed:
                await new_bridge(worker, await unreachable(), MemoryKeyValue(), approvers).decision(message)

            receipts = [
                it for it in worker.bus.published if isinstance(it, Receipt) and it.place == f"DECISIONS.{number}"
            ]
            assert {(receipt.code, receipt.message_id) for receipt in receipts} == {
                ("unknown_key", f"receipt.nobody.1.ada.ada-approve.DECISIONS.{number}")
            }
            if fuse.left > 0:
                break
    assert number == 5, "a record of the approvers file and a receipt, with a spark before and after each"


async def test_a_decision_redelivered_after_the_end_is_recognised_by_its_place(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(real_server, TwoAgree, approvers=ApproversFile(approvers)) as worker:
        bridge, run = (
            new_bridge(worker, real_server.client, MemoryKeyValue(), approvers),
            await worker.start("TwoAgree"),
        )
        for who, key in keys.items():
            body = await decision_of(key, who, run.id, worker)
            await bridge.decision(await stored_decision(worker, run.id, body))
        await run.result()
        for place in (2, 3):  # redelivered, and published again
            again = await decision_of(keys["bob"], "bob", run.id, worker)
            await bridge.decision(stored_message(f"decisions.{run.id}", place, again, age=timedelta(minutes=1)))

    receipts = [(it.code, it.place) for it in worker.bus.published if isinstance(it, Receipt)]
    assert receipts == [("accepted", None), ("accepted", None), ("replayed", "DECISIONS.3")]


async def test_while_the_approvers_file_is_broken_decisions_wait(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    approvers = tmp_path / "approvers.yaml"
    approvers.write_text("approvers: [ada]")
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, await unreachable(), MemoryKeyValue(), approvers)

        with pytest.raises(Unavailable, match=r"approvers\.yaml is wrong: approvers"):
            await bridge.decision(
                stored_message("decisions.x", 1, signed_body(SigningKey.new(), "ada", "x.1", "a" * 64))
            )


async def test_an_unreadable_decision_gets_a_receipt_too(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())

        with pytest.raises(InvalidMessage, match="digest"):
            await bridge.decision(
                stored_message("decisions.nobody", 3, b'{"request_id": "nobody.1", "decision": "approve"}')
            )

    (receipt,) = worker.bus.published
    assert isinstance(receipt, Receipt)
    assert (receipt.request_id, receipt.accepted) == ("nobody.1", False)
    assert "digest: Field required" in receipt.reason
