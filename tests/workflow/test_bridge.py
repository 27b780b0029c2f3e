"""A command becomes one run and a decision counts once, wherever the bridge dies."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from perdure.approvers import Approver, ApproversFile, SigningKey
from perdure.bus import KeyValue, MemoryKeyValue, RawMessage, StoredMessage, encode
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import EventReference, Receipt, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage, Unavailable
from perdure.flow import Approved, Policy, approval
from perdure.flow.request_digest import request_digest
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.registry import Registry
from tests.support.binaries import binary
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.people import approvers_file, directory, signed, signed_body
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, data: dict[str, str]) -> str:
        return data["word"]


@workflow.defn
class TwoAgree:
    """Requires two approvals."""

    @workflow.run
    async def run(self) -> str:
        decision = await approval("Agreed?", policy=Policy(quorum=2))
        return decision.by if isinstance(decision, Approved) else decision.outcome


@workflow.defn
class Cart:
    """Collects items until the item "all"."""

    def __init__(self) -> None:
        self._items: list[str] = []

    @workflow.run
    async def run(self, _: dict[str, str]) -> list[str]:
        await workflow.wait_condition(lambda: "all" in self._items)
        return self._items

    @workflow.signal
    def add(self, item: dict[str, str]) -> None:
        self._items.append(item["word"])


@pytest_asyncio.fixture(loop_scope="session")
async def real_server() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server that keeps the request ids of signals; the test server does not."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"), data_converter=pydantic_data_converter
    ) as environment:
        yield environment


def added(event_id: str, word: str, cart: str = "cart") -> StoredMessage:
    return replace(
        command(event_id),
        raw=encode(
            SignalWorkflow(
                route="Cart-add",
                event=EventReference(id=event_id, type="word.sent", source="test", stream_sequence=1),
                workflow_id=cart,
                digest=(word.encode().hex() * 64)[:64],
                signal="add",
                argument={"word": word},
                workflow="Cart",
                input={},
            ),
            source="test",
        ),
    )


def command(event_id: str, word: str = "hello") -> StoredMessage:
    start = StartWorkflow(
        route="Echo",
        event=EventReference(id=event_id, type="word.sent", source="test", stream_sequence=1),
        workflow="Echo",
        workflow_id=f"Echo-{event_id}",
        digest=(word.encode().hex() * 64)[:64],
        input={"word": word},
    )
    return StoredMessage(encode(start, source="test"), "COMMANDS", 1, datetime.now(UTC), 0)


def new_bridge(
    worker: ScriptedWorker, client: Any, entries: KeyValue, approvers: Path = Path("missing.yaml"), bus: Any = None
) -> Bridge:
    return Bridge(
        client,
        bus or worker.bus,
        StartLedger(entries),
        registry=Registry({"Echo": Echo, "Cart": Cart}, ()),
        approvers=ApproversFile(approvers),
        settings=TemporalSettings(task_queue=worker.queue),
    )


async def unreachable() -> Client:
    """Return a client of a Temporal server that does not answer."""
    return await Client.connect("127.0.0.1:1", lazy=True)


def decision_of(key: SigningKey, who: str, run_id: str) -> bytes:
    return signed_body(key, who, f"{run_id}.1", request_digest("Agreed?"))


def endings(worker: ScriptedWorker, workflow_id: str) -> list[str]:
    return [
        str(fact.result) for fact in worker.progress if fact.workflow_id == workflow_id and fact.kind == "completed"
    ]


async def test_wherever_the_bridge_dies_a_redelivered_command_starts_one_run(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        for number in itertools.count(1):
            entries, fuse = MemoryKeyValue(), Fuse(number)
            dying = new_bridge(worker, Fused(environment.client, fuse), Fused(entries, fuse))
            try:
                await dying.command(command(f"e{number}"))
            except Killed:
                await new_bridge(worker, environment.client, entries).command(command(f"e{number}"))
            await environment.client.get_workflow_handle(f"Echo-e{number}").result()

            assert endings(worker, f"Echo-e{number}") == ["hello"]
            if fuse.left > 0:
                break
    assert number == 7, "a claim, a start and an entry, each with a spark before and after"


async def test_a_started_run_is_not_started_again_even_after_temporal_has_deleted_it(
    environment: WorkflowEnvironment,
) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Echo) as worker:
        await new_bridge(worker, environment.client, entries).command(command("once"))
        await environment.client.get_workflow_handle("Echo-once").result()

        await new_bridge(worker, await unreachable(), entries).command(command("once"))


async def test_a_signal_waits_for_the_start_of_its_run_for_a_limited_time(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())

        with pytest.raises(Unavailable, match="has begun yet"):
            await bridge.signal(stored("signals.nobody.add"))
        with pytest.raises(InvalidMessage, match="never started, or it has ended"):
            await bridge.signal(stored("signals.nobody.add", age=timedelta(minutes=1)))


async def test_a_decision_published_twice_is_one_decision_with_a_receipt_for_each_place(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    ada = SigningKey.new()
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": ada})).path
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue(), approvers)
        for sequence in (1, 2):
            answer = signed_body(ada, "ada", "nobody.1", "a" * 64, nonce="n")
            await bridge.decision(stored("decisions.nobody", sequence, answer, age=timedelta(minutes=1)))

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
            await bridge.decision(stored("decisions.nobody", sequence, message.model_dump_json().encode()))

    assert [receipt.code for receipt in worker.bus.published if isinstance(receipt, Receipt)] == list(refused)
    assert len({receipt.message_id for receipt in worker.bus.published}) == len(refused), "no two receipts share an id"


async def test_wherever_the_bridge_dies_a_decision_counts_once_and_has_one_receipt(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(environment, TwoAgree) as worker:
        for number in itertools.count(1):
            fuse, run = Fuse(number), await worker.start("TwoAgree", run_id=f"two-{number}")
            dying = new_bridge(
                worker, Fused(environment.client, fuse), MemoryKeyValue(), approvers, Fused(worker.bus, fuse)
            )
            bridge = new_bridge(worker, environment.client, MemoryKeyValue(), approvers)
            ada = stored(f"decisions.{run.id}", 10 * number, decision_of(keys["ada"], "ada", run.id))
            try:
                await dying.decision(ada)
            except Killed:
                await bridge.decision(ada)
            await bridge.decision(
                stored(f"decisions.{run.id}", 10 * number + 1, decision_of(keys["bob"], "bob", run.id))
            )

            assert await run.result() == "ada, bob"
            receipts = [it for it in worker.bus.published if isinstance(it, Receipt) and it.request_id == f"{run.id}.1"]
            assert [receipt.code for receipt in receipts] == ["accepted", "accepted"]
            if fuse.left > 0:
                break
    assert number == 3, "one signal, with a spark before and after"


async def test_wherever_the_bridge_dies_an_unknown_key_gets_one_receipt(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": SigningKey.new()})).path
    stranger = signed_body(SigningKey.new(), "ada", "nobody.1", "a" * 64)
    async with open_scripted_worker(environment, Echo) as worker:
        for number in itertools.count(1):
            fuse, message = Fuse(number), stored("decisions.nobody", number, stranger)
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
    assert number == 3, "one receipt, with a spark before and after"


async def test_a_decision_redelivered_after_the_end_is_recognised_by_its_place(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(real_server, TwoAgree) as worker:
        bridge, run = (
            new_bridge(worker, real_server.client, MemoryKeyValue(), approvers),
            await worker.start("TwoAgree"),
        )
        for place, who in enumerate(keys, 1):
            await bridge.decision(stored(f"decisions.{run.id}", place, decision_of(keys[who], who, run.id)))
        await run.result()
        for place in (2, 3):  # redelivered, and published again
            again = decision_of(keys["bob"], "bob", run.id)
            await bridge.decision(stored(f"decisions.{run.id}", place, again, age=timedelta(minutes=1)))

    receipts = [(it.code, it.place) for it in worker.bus.published if isinstance(it, Receipt)]
    assert receipts == [("accepted", None), ("accepted", None), ("unknown_run", "DECISIONS.3")]


async def test_while_the_approvers_file_is_broken_decisions_wait(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    approvers = tmp_path / "approvers.yaml"
    approvers.write_text("approvers: [ada]")
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, await unreachable(), MemoryKeyValue(), approvers)

        with pytest.raises(Unavailable, match=r"approvers\.yaml is wrong: approvers"):
            await bridge.decision(stored("decisions.x", 1, signed_body(SigningKey.new(), "ada", "x.1", "a" * 64)))


async def test_an_unreadable_decision_gets_a_receipt_too(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())

        with pytest.raises(InvalidMessage, match="digest"):
            await bridge.decision(stored("decisions.nobody", 3, b'{"request_id": "nobody.1", "decision": "approve"}'))

    (receipt,) = worker.bus.published
    assert isinstance(receipt, Receipt)
    assert (receipt.request_id, receipt.accepted) == ("nobody.1", False)
    assert "digest: Field required" in receipt.reason


def stored(subject: str, sequence: int = 1, body: bytes = b"", age: timedelta = timedelta()) -> StoredMessage:
    return StoredMessage(
        RawMessage(subject, body, {}), subject.split(".", maxsplit=1)[0].upper(), sequence, datetime.now(UTC) - age, 0
    )


async def test_an_event_id_used_again_with_other_data_is_refused_with_the_reason(
    environment: WorkflowEnvironment,
) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, entries)
        await bridge.command(command("twice"))

        with pytest.raises(InvalidMessage, match="used before, by EVENTS 1") as refused:
            await bridge.command(command("twice", word="goodbye"))

        await environment.client.get_workflow_handle("Echo-twice").result()
    assert refused.value.reason == "duplicate_id"
    assert endings(worker, "Echo-twice") == ["hello"]


async def test_a_signal_starts_its_run_where_none_is_open_and_counts_once(environment: WorkflowEnvironment) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Cart) as worker:
        bridge = new_bridge(worker, environment.client, entries)
        for event_id, word in [("c1", "a"), ("c2", "b"), ("c1", "a"), ("c3", "all")]:
            await bridge.command(added(event_id, word))
        run = environment.client.get_workflow_handle("cart")
        first = await run.result()
        await bridge.command(added("c3", "all"))
        await bridge.command(added("c4", "all"))
        second = await run.result()

    assert (first, second) == (["a", "b", "all"], ["all"])


async def test_a_signal_that_ended_its_run_starts_no_other_run_if_the_bridge_dies_before_recording_it(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Cart) as worker:
        for number in itertools.count(1):
            entries, fuse, cart = MemoryKeyValue(), Fuse(number), f"cart-{number}"
            run, event = environment.client.get_workflow_handle(cart), added(f"d{number}", "all", cart)
            try:
                await new_bridge(worker, Fused(environment.client, fuse), Fused(entries, fuse)).command(event)
            except Killed:
                before = await ended(environment, cart)
                await new_bridge(worker, environment.client, entries).command(event)
                after = await ended(environment, cart)
                assert before in {None, after}
            assert await run.result() == ["all"]
            if fuse.left > 0:
                break
    assert number == 7, "a claim, a signal and an entry, each with a spark before and after"


async def ended(environment: WorkflowEnvironment, cart: str) -> str | None:
    """Wait for the end of a run, if there is one, and return its run id."""
    run = environment.client.get_workflow_handle(cart)
    try:
        await run.result()
    except RPCError:
        return None
    return (await run.describe()).run_id
