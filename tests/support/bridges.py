"""Bridges for tests, the workflows that they start, and the messages that they consume."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from temporalio import workflow
from temporalio.client import Client

from perdure.approvers import ApproversFile
from perdure.bus import KeyValue, RawMessage, StoredMessage, encode
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import EventReference, FormerClaim, SignalWorkflow, StartWorkflow, to_token
from perdure.flow import Approved, Policy, approval
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.registry import Registry
from tests.support.scripted_worker import ScriptedWorker


@workflow.defn
class TwoAgree:
    """Requires two approvals."""

    @workflow.run
    async def run(self) -> str:
        decision = await approval("Agreed?", policy=Policy(quorum=2))
        return decision.by if isinstance(decision, Approved) else decision.outcome


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, data: dict[str, str]) -> str:
        return data["word"]


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


def signal_command(event_id: str, word: str, cart: str = "cart", resend: int | None = None) -> StoredMessage:
    """Return a command that adds a word to a cart, whose run it starts if none is open."""
    return replace(
        start_command(event_id),
        raw=encode(
            SignalWorkflow(
                route="Cart-add",
                event=EventReference(id=event_id, type="word.sent", source="test", stream_sequence=1, resend=resend),
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


def start_command(event_id: str, word: str = "hello", source: str = "test", **changes: Any) -> StoredMessage:
    """Return a command that starts the Echo of a word; other fields than that can be given."""
    return _command(_start(event_id, word, source).model_copy(update=changes))


def former_start_command(event_id: str, word: str = "hello") -> StoredMessage:
    """Return the command of the same event as 0.1 made it."""
    start = _start(event_id, word, "test")
    assert start.former is not None
    return _command(start.as_formerly(start.former))


def _start(event_id: str, word: str, source: str) -> StartWorkflow:
    return StartWorkflow(
        route="Echo",
        event=EventReference(id=event_id, type="word.sent", source=source, stream_sequence=1),
        workflow="Echo",
        workflow_id=f"Echo~{event_id}",
        digest=sha256(f"{word} {source}".encode()).hexdigest(),
        input={"word": word},
        former=FormerClaim(claim=f"Echo-{event_id}", event_id=event_id, digest=sha256(word.encode()).hexdigest()),
    )


def _command(start: StartWorkflow) -> StoredMessage:
    return StoredMessage(encode(start, source="test"), "COMMANDS", 1, datetime.now(UTC), 0)


def new_bridge(  # noqa: PLR0913 (its ports)
    worker: ScriptedWorker,
    client: Any,
    entries: KeyValue,
    approvers: Path = Path("missing.yaml"),
    bus: Any = None,
    *,
    workflows: Collection[type] = (Echo, Cart),
) -> Bridge:
    """Return a bridge to the worker's task queue, with its ledger in these entries."""
    return Bridge(
        client,
        bus or worker.bus,
        StartLedger(entries),
        registry=Registry({it.__name__: it for it in workflows}, ()),
        approvers=RecordedApprovers(ApproversFile(approvers), bus or worker.bus),
        entries=entries,
        settings=TemporalSettings(task_queue=worker.queue),
    )


async def unreachable() -> Client:
    """Return a client of a Temporal server that does not answer."""
    return await Client.connect("127.0.0.1:1", lazy=True)


def stored_message(subject: str, sequence: int = 1, body: bytes = b"", age: timedelta = timedelta()) -> StoredMessage:
    """Return a message of the stream that its subject belongs to, stored so long ago."""
    return StoredMessage(
        RawMessage(subject, body, {}), subject.split(".", maxsplit=1)[0].upper(), sequence, datetime.now(UTC) - age, 0
    )


async def stored_decision(worker: ScriptedWorker, run_id: str, body: bytes) -> StoredMessage:
    """Publish a decision on the worker's bus, where the run's worker reads it."""
    subject = f"decisions.{to_token(run_id)}"
    place = await worker.bus.publish_raw(RawMessage(subject, body, {}))
    return stored_message(subject, place, body)
