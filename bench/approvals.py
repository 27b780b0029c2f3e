"""Approvals: the latency of receipts, lists and look-ups, on an idle suite and with many open requests."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from nats.aio.msg import Msg
from rich.console import Console
from rich.table import Table

from bench.house import INBOX, House, open_house
from bench.measure import resident_mib
from bench.receipts_floor import open_receipts_floor
from bench.report import at_most, tell
from perdure.approvers import SigningKey, sign
from perdure.approvers.enrolment import find_key
from perdure.bus import NatsBus, connect
from perdure.bus.views.approval_index import open_requests
from perdure.bus.views.requests import find_open_request
from perdure.config.settings import NatsSettings, OrchestratorSettings
from perdure.contracts import ApprovalRequested, Decision

__all__ = ["Approvals", "measure_approvals"]

_AIM: Final = 10.0
_DECIDED: Final = 40  # decisions each time
_IDLE: Final = 0.3  # seconds before each measurement, in which the effects of the previous one end
_LISTED: Final = 5
_FEW: Final = OrchestratorSettings().max_cached_runs + _DECIDED
_ROUND_TRIP: Final = f"{INBOX}.round_trip"
_WITHIN: Final = 300.0  # seconds

Operation = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Approvals:
    """Medians in milliseconds, measured one after the other with pauses.

    Attributes:
        open: The number of open requests at the end.
        idle: On an idle suite and by name: a receipt, the minimum of a durable receipt, and a bare round trip, which
            took turns. A receipt takes from before a decision is made and signed until a plain subscriber receives it.
        receipt_ms: A receipt while all requests are open.
        list_ms: Reading all open requests.
        find_ms: Reading one of them.
        orchestrator_mib: Resident memory with slightly more open runs than the worker caches, and with all of them.
    """

    open: int
    idle: dict[str, float]
    receipt_ms: float
    list_ms: float
    find_ms: float
    orchestrator_mib: tuple[float, float]

    def summary(self) -> dict[str, Any]:
        """Return all figures, their ratios and the aim."""
        few, all_ = self.orchestrator_mib
        return {
            "open": self.open,
            "p50_ms": {**self.idle, "list": self.list_ms, "find": self.find_ms, "receipt, all open": self.receipt_ms},
            "receipt_to": {name: round(self.idle["receipt"] / took, 2) for name, took in self.idle.items()},
            "aims": {"round trip": _AIM},
            "orchestrator_mib": {str(_FEW): few, str(self.open): all_, "ratio": round(all_ / few, 2)},
        }

    def show(self, console: Console) -> None:
        """Print a table."""
        receipt, minimum, bare = self.idle["receipt"], self.idle["by hand"], self.idle["round trip"]
        few, all_ = self.orchestrator_mib
        table = Table("", "p50", "to a round trip", "to the minimum", title="Approvals")
        table.add_row("decision to receipt", _ms(receipt), at_most(receipt / bare, _AIM), f"{receipt / minimum:.2f}")
        table.add_row("minimum of a durable receipt, by hand", _ms(minimum), f"{minimum / bare:.2f}", "")
        table.add_row("a bare round trip", _ms(bare), "", "")
        table.add_section()
        table.add_row(f"receipt, {self.open} open", _ms(self.receipt_ms), f"{self.receipt_ms / bare:.2f}", "")
        table.add_row(f"list all {self.open}", _ms(self.list_ms), "", "")
        table.add_row("find one of them", _ms(self.find_ms), "", "")
        table.add_row("orchestrator's memory", f"{all_:.0f} MiB", f"{all_ / few:.2f} of that with {_FEW} open", "")
        console.print(table)


async def measure_approvals(folder: Path, count: int) -> Approvals:
    """Decide a few requests on an idle suite; then open so many, list them, find one and decide a few."""
    async with asyncio.timeout(_WITHIN), open_house(folder) as house:
        settings = NatsSettings(servers=(house.endpoints.nats,), nkey_seed_file=house.operator)
        approver, key = find_key(folder / "keys", None)
        async with (
            connect(settings, source="perdure/bench", within=5) as bus,
            _reviewing(house, bus, approver, key) as reviewer,
        ):
            await _start_requests(house, bus, _DECIDED)
            idle = await _idle(house, reviewer, await open_requests(bus))
            few = await _start_requests(house, bus, _FEW)
            many = await _start_requests(house, bus, count - _FEW)
            tell("approvals: list, find, decide")
            list_ms = await _p50(_LISTED, lambda: open_requests(bus))
            waiting = await open_requests(bus)
            assert len(waiting) == count, len(waiting)
            find_ms = await _p50(_LISTED, lambda: find_open_request(bus, waiting[-1].request_id))
            reviewer.enqueue(waiting)
            receipt = await _p50(_DECIDED, reviewer.decide)
    return Approvals(count, idle, receipt, list_ms, find_ms, (few, many))


async def _start_requests(house: House, bus: NatsBus, count: int) -> float:
    """Start so many runs, wait for their approval requests, and return the orchestrator's memory in MiB."""
    tell(f"approvals: {count} requests")
    all_requested = asyncio.Event()
    runs = set[str]()

    async def receive(message: Msg) -> None:
        runs.add(message.subject)  # a request may be published more than once
        if len(runs) == count:
            all_requested.set()

    client = await house.connect()
    await client.subscribe("approvals.requested.>", cb=receive)
    await client.flush()
    for _ in range(count):
        await bus.js.publish("events.bench.asked", b'{"title": "Shall we?"}', headers={"Nats-Msg-Id": uuid4().hex})
    await all_requested.wait()
    await client.close()
    return resident_mib(house.processes)["orchestrator"]


@dataclass
class _Reviewer:
    """Approves requests, and waits for the receipts."""

    bus: NatsBus
    approver: str
    key: SigningKey
    receipts: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    waiting: list[ApprovalRequested] = field(default_factory=list)

    def enqueue(self, requests: Sequence[ApprovalRequested]) -> None:
        self.waiting = list(reversed(requests))

    async def decide(self) -> None:
        request = self.waiting.pop()
        decision = Decision(
            workflow_id=request.workflow_id,
            request_id=request.request_id,
            decision="approve",
            approver=self.approver,
            digest=request.digest,
            nonce=uuid4().hex,
        )
        await self.bus.publish(sign(decision, self.key))
        receipt = await self.receipts.get()
        assert (receipt["request_id"], receipt["accepted"]) == (request.request_id, True), receipt

    async def receive(self, message: Msg) -> None:
        self.receipts.put_nowait(json.loads(message.data))


@asynccontextmanager
async def _reviewing(house: House, bus: NatsBus, approver: str, key: SigningKey) -> AsyncIterator[_Reviewer]:
    reviewer, client = _Reviewer(bus, approver, key), await house.connect()
    await client.subscribe("receipts.>", cb=reviewer.receive)
    await client.flush()
    yield reviewer
    await client.close()


async def _idle(house: House, reviewer: _Reviewer, waiting: Sequence[ApprovalRequested]) -> dict[str, float]:
    """Let reviewer, floor and bare round trips take turns; returns the median of each in milliseconds."""
    tell(f"approvals: {len(waiting)} decisions, one by one")
    reviewer.enqueue(waiting)
    took: dict[str, list[float]] = {"receipt": [], "by hand": [], "round trip": []}
    async with open_receipts_floor(house) as floor, _round_trips(house) as round_trip:
        await floor.start_runs(len(waiting))
        for _ in waiting:
            for name, operation in zip(took, (reviewer.decide, floor.decide, round_trip), strict=True):
                took[name].append(await _timed(operation))
    return {name: statistics.median(times) for name, times in took.items()}


@asynccontextmanager
async def _round_trips(house: House) -> AsyncIterator[Operation]:
    """Yield an operation: a NATS request and its reply between two connections of this process."""
    requester, responder = [await house.connect() for _ in range(2)]

    async def reply(message: Msg) -> None:
        await message.respond(b"")

    await responder.subscribe(_ROUND_TRIP, cb=reply)
    await responder.flush()
    yield lambda: requester.request(_ROUND_TRIP, b"")
    for client in (requester, responder):
        await client.close()


async def _p50(times: int, operation: Operation) -> float:
    return statistics.median([await _timed(operation) for _ in range(times)])


async def _timed(operation: Operation) -> float:
    """Wait until the suite is idle, and return the duration of the operation in milliseconds."""
    await asyncio.sleep(_IDLE)
    began = time.perf_counter()
    await operation()
    return (time.perf_counter() - began) * 1_000


def _ms(took: float) -> str:
    return f"{took:.2f} ms" if took < 10 else f"{took:.0f} ms"  # noqa: PLR2004 (three digits for people)
