"""From a command to a run, exactly once, wherever the bridge dies on the way."""

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
    """Two must approve."""

    @workflow.run
    async def run(self) -> str:
        decision = await approval("Agreed?", policy=Policy(quorum=2))
        return decision.by if isinstance(decision, Approved) else decision.outcome


@workflow.defn
class Cart:
    """Collects what is put into it, until it is told that this was all."""

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
    """A Temporal that keeps the request ids of signals, as the test server does not."""
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
                event=EventReference(id=event_id, type="said", source="test", stream_sequence=1),
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
        event=EventReference(id=event_id, type="said", source="test", stream_sequence=1),
        workflow="Echo",
        workflow_id=f"Echo-{event_id}",
        digest=(word.encode().hex() * 64)[:64],
        input={"word": word},
    )
    return StoredMessage(encode(start, source="test"), "COMMANDS", 1, datetime.now(UTC), 0)


def bridge(
    stage: ScriptedWorker, client: Any, entries: KeyValue, approvers: Path = Path("nobody.yaml"), bus: Any = None
) -> Bridge:
    return Bridge(
        client,
        bus or stage.bus,
        StartLedger(entries),
        registry=Registry({"Echo": Echo, "Cart": Cart}, ()),
        approvers=ApproversFile(approvers),
        settings=TemporalSettings(task_queue=stage.queue),
    )


async def nowhere() -> Client:
    """A Temporal that does not answer."""
    return await Client.connect("127.0.0.1:1", lazy=True)


def decision_of(key: SigningKey, who: str, run_id: str) -> bytes:
    return signed_body(key, who, f"{run_id}.1", request_digest("Agreed?"))


def endings(stage: ScriptedWorker, workflow_id: str) -> list[str]:
    return [str(fact.result) for fact in stage.progress if fact.workflow_id == workflow_id and fact.kind == "completed"]


async def test_wherever_the_bridge_dies_the_next_delivery_makes_it_one_run(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as stage:
        for number in itertools.count(1):
            entries, fuse = MemoryKeyValue(), Fuse(number)
            dying = bridge(stage, Fused(environment.client, fuse), Fused(entries, fuse))
            try:
                await dying.command(command(f"e{number}"))
            except Killed:
                await bridge(stage, environment.client, entries).command(command(f"e{number}"))
            await environment.client.get_workflow_handle(f"Echo-e{number}").result()

            assert endings(stage, f"Echo-e{number}") == ["hello"]
            if fuse.left > 0:
                break
    assert number == 7, "a claim, a start and an entry, each with a spark before and after"


async def test_what_was_started_is_not_started_again_even_when_temporal_has_forgotten_it(
    environment: WorkflowEnvironment,
) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Echo) as stage:
        await bridge(stage, environment.client, entries).command(command("once"))
        await environment.client.get_workflow_handle("Echo-once").result()

        await bridge(stage, await nowhere(), entries).command(command("once"))


async def test_a_signal_waits_for_its_run_to_begin_and_not_for_ever(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as stage:
        here = bridge(stage, environment.client, MemoryKeyValue())

        with pytest.raises(Unavailable, match="has begun yet"):
            await here.signal(said("signals.nobody.add"))
        with pytest.raises(InvalidMessage, match="never started, or it has ended"):
            await here.signal(said("signals.nobody.add", age=timedelta(minutes=1)))


async def test_a_decision_said_again_is_the_same_decision_whatever_its_message(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    ada = SigningKey.new()
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": ada})).path
    async with open_scripted_worker(environment, Echo) as stage:
        here = bridge(stage, environment.client, MemoryKeyValue(), approvers)
        for sequence in (1, 2):
            answer = signed_body(ada, "ada", "nobody.1", "a" * 64, nonce="n")
            await here.decision(said("decisions.nobody", sequence, answer, age=timedelta(minutes=1)))

    assert [(it.decision_id, it.code, it.place) for it in stage.bus.published if isinstance(it, Receipt)] == [
        ("nobody.1.ada.n", "unknown_run", "DECISIONS.1"),
        ("nobody.1.ada.n", "unknown_run", "DECISIONS.2"),
    ]


async def test_what_nobody_who_is_known_has_signed_never_reaches_a_run(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    ada, mallory, old = SigningKey.new(), SigningKey.new(), SigningKey.new()
    known = directory({"ada": ada, "mallory": mallory, "old": old})
    revoked = known.approvers["old"].keys[0].model_copy(update={"revoked": datetime.now(UTC)})
    known.approvers["old"] = Approver(keys=(revoked,))
    approvers = approvers_file(tmp_path / "approvers.yaml", known).path
    decision = signed(ada, "ada", "nobody.1", "a" * 64)
    told = {
        "unsigned": decision.model_copy(update={"signature": None}),
        "forged": decision.model_copy(update={"decision": "reject"}),
        "unknown_approver": signed(ada, "nobody", "nobody.1", "a" * 64),
        "unknown_key": signed(mallory, "ada", "nobody.1", "a" * 64),
        "revoked_key": signed(old, "old", "nobody.1", "a" * 64),
    }
    async with open_scripted_worker(environment, Echo) as stage:
        here = bridge(stage, await nowhere(), MemoryKeyValue(), approvers)  # a run that is signalled would be an error
        for sequence, message in enumerate(told.values(), 1):
            await here.decision(said("decisions.nobody", sequence, message.model_dump_json().encode()))

    assert [receipt.code for receipt in stage.bus.published if isinstance(receipt, Receipt)] == list(told)
    assert len({receipt.message_id for receipt in stage.bus.published}) == len(told), "none hides the approver's own"


async def test_wherever_the_bridge_dies_a_decision_counts_once_and_has_one_receipt(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(environment, TwoAgree) as stage:
        for number in itertools.count(1):
            fuse, run = Fuse(number), await stage.start("TwoAgree", run_id=f"two-{number}")
            dying = bridge(stage, Fused(environment.client, fuse), MemoryKeyValue(), approvers, Fused(stage.bus, fuse))
            alive = bridge(stage, environment.client, MemoryKeyValue(), approvers)
            ada = said(f"decisions.{run.id}", 10 * number, decision_of(keys["ada"], "ada", run.id))
            try:
                await dying.decision(ada)
            except Killed:
                await alive.decision(ada)
            await alive.decision(said(f"decisions.{run.id}", 10 * number + 1, decision_of(keys["bob"], "bob", run.id)))

            assert await run.result() == "ada, bob"
            told = [it for it in stage.bus.published if isinstance(it, Receipt) and it.request_id == f"{run.id}.1"]
            assert [receipt.code for receipt in told] == ["accepted", "accepted"]
            if fuse.left > 0:
                break
    assert number == 3, "one signal, with a spark before and after"


async def test_wherever_the_bridge_dies_a_stranger_gets_one_receipt(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    approvers = approvers_file(tmp_path / "approvers.yaml", directory({"ada": SigningKey.new()})).path
    stranger = signed_body(SigningKey.new(), "ada", "nobody.1", "a" * 64)
    async with open_scripted_worker(environment, Echo) as stage:
        for number in itertools.count(1):
            fuse, heard = Fuse(number), said("decisions.nobody", number, stranger)
            dying = bridge(stage, await nowhere(), MemoryKeyValue(), approvers, Fused(stage.bus, fuse))
            try:
                await dying.decision(heard)
            except Killed:
                await bridge(stage, await nowhere(), MemoryKeyValue(), approvers).decision(heard)

            told = [it for it in stage.bus.published if isinstance(it, Receipt) and it.place == f"DECISIONS.{number}"]
            assert {(receipt.code, receipt.message_id) for receipt in told} == {
                ("unknown_key", f"receipt.nobody.1.ada.ada-approve.DECISIONS.{number}")
            }
            if fuse.left > 0:
                break
    assert number == 3, "one receipt, with a spark before and after"


async def test_a_decision_that_comes_again_after_the_end_is_known_by_its_place(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    keys = {"ada": SigningKey.new(), "bob": SigningKey.new()}
    approvers = approvers_file(tmp_path / "approvers.yaml", directory(keys)).path
    async with open_scripted_worker(real_server, TwoAgree) as stage:
        here, run = bridge(stage, real_server.client, MemoryKeyValue(), approvers), await stage.start("TwoAgree")
        for place, who in enumerate(keys, 1):
            await here.decision(said(f"decisions.{run.id}", place, decision_of(keys[who], who, run.id)))
        await run.result()
        for place in (2, 3):  # delivered again, and said again
            again = decision_of(keys["bob"], "bob", run.id)
            await here.decision(said(f"decisions.{run.id}", place, again, age=timedelta(minutes=1)))

    told = [(it.code, it.place) for it in stage.bus.published if isinstance(it, Receipt)]
    assert told == [("accepted", None), ("accepted", None), ("unknown_run", "DECISIONS.3")]


async def test_while_the_approvers_file_is_broken_decisions_wait(
    environment: WorkflowEnvironment, tmp_path: Path
) -> None:
    approvers = tmp_path / "approvers.yaml"
    approvers.write_text("approvers: [ada]")
    async with open_scripted_worker(environment, Echo) as stage:
        here = bridge(stage, await nowhere(), MemoryKeyValue(), approvers)

        with pytest.raises(Unavailable, match=r"approvers\.yaml is wrong: approvers"):
            await here.decision(said("decisions.x", 1, signed_body(SigningKey.new(), "ada", "x.1", "a" * 64)))


async def test_a_decision_that_cannot_be_read_gets_a_receipt_too(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as stage:
        here = bridge(stage, environment.client, MemoryKeyValue())

        with pytest.raises(InvalidMessage, match="digest"):
            await here.decision(said("decisions.nobody", 3, b'{"request_id": "nobody.1", "decision": "approve"}'))

    (receipt,) = stage.bus.published
    assert isinstance(receipt, Receipt)
    assert (receipt.request_id, receipt.accepted) == ("nobody.1", False)
    assert "digest: Field required" in receipt.reason


def said(subject: str, sequence: int = 1, body: bytes = b"", age: timedelta = timedelta()) -> StoredMessage:
    return StoredMessage(
        RawMessage(subject, body, {}), subject.split(".", maxsplit=1)[0].upper(), sequence, datetime.now(UTC) - age, 0
    )


async def test_an_id_that_comes_again_with_other_data_is_refused_and_says_so(environment: WorkflowEnvironment) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Echo) as stage:
        here = bridge(stage, environment.client, entries)
        await here.command(command("twice"))

        with pytest.raises(InvalidMessage, match="used before, by EVENTS 1") as refused:
            await here.command(command("twice", word="goodbye"))

        await environment.client.get_workflow_handle("Echo-twice").result()
    assert refused.value.reason == "duplicate_id"
    assert endings(stage, "Echo-twice") == ["hello"]


async def test_a_signal_starts_its_run_where_none_is_open_and_counts_once(environment: WorkflowEnvironment) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Cart) as stage:
        here = bridge(stage, environment.client, entries)
        for event_id, word in [("c1", "a"), ("c2", "b"), ("c1", "a"), ("c3", "all")]:
            await here.command(added(event_id, word))
        run = environment.client.get_workflow_handle("cart")
        first = await run.result()
        await here.command(added("c3", "all"))
        await here.command(added("c4", "all"))
        second = await run.result()

    assert (first, second) == (["a", "b", "all"], ["all"])


async def test_a_signal_that_ended_its_run_starts_no_other_when_the_bridge_dies_before_it_writes_that_down(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Cart) as stage:
        for number in itertools.count(1):
            entries, fuse, cart = MemoryKeyValue(), Fuse(number), f"cart-{number}"
            run, event = environment.client.get_workflow_handle(cart), added(f"d{number}", "all", cart)
            try:
                await bridge(stage, Fused(environment.client, fuse), Fused(entries, fuse)).command(event)
            except Killed:
                before = await ended(environment, cart)
                await bridge(stage, environment.client, entries).command(event)
                after = await ended(environment, cart)
                assert before in {None, after}
            assert await run.result() == ["all"]
            if fuse.left > 0:
                break
    assert number == 7, "a claim, a signal and an entry, each with a spark before and after"


async def ended(environment: WorkflowEnvironment, cart: str) -> str | None:
    """Wait until a run has ended, if there is one, and return its run id."""
    run = environment.client.get_workflow_handle(cart)
    try:
        await run.result()
    except RPCError:
        return None
    return (await run.describe()).run_id
