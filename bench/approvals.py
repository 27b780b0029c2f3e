"""Approvals: what a reviewer waits for on an idle suite, and when many requests are open."""

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
from perdure.bus.views.approval_index import find_request, open_requests
from perdure.config.settings import NatsSettings, OrchestratorSettings
from perdure.contracts import ApprovalRequested, Decision

__all__ = ["Approvals", "measure_approvals"]

_AIM: Final = 10.0
_DECIDED: Final = 40  # each time
_IDLE: Final = 0.3  # seconds before each decision and each message: what the one before set off has ended
_LISTED: Final = 5
_FEW: Final = OrchestratorSettings().max_cached_runs + _DECIDED
_ROUND_TRIP: Final = f"{INBOX}.asked"
_WITHIN: Final = 300.0  # seconds

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Approvals:
    """In milliseconds, p50, one after the other with pauses between.

    Attributes:
        open: How many requests were open in the end.
        idle: Of a receipt on an idle suite, of the least that a durable one costs, and of a bare round trip, by name;
            they took turns. A receipt takes from before a decision is made and signed until a plain subscriber has it.
        receipt_ms: Of a receipt with all of them open.
        list_ms: To read all open requests.
        find_ms: To read one of them.
        orchestrator_mib: Resident, with slightly more open than the worker keeps in memory, and with all of them.
    """

    open: int
    idle: dict[str, float]
    receipt_ms: float
    list_ms: float
    find_ms: float
    orchestrator_mib: tuple[float, float]

    def summary(self) -> dict[str, Any]:
        """Return it all, and the ratio that is aimed at."""
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
        receipt, least, bare = self.idle["receipt"], self.idle["by hand"], self.idle["round trip"]
        few, all_ = self.orchestrator_mib
        table = Table("", "p50", "to a round trip", "to the least", title="Approvals")
        table.add_row("decision to receipt", _ms(receipt), at_most(receipt / bare, _AIM), f"{receipt / least:.2f}")
        table.add_row("the least that is durable, by hand", _ms(least), f"{least / bare:.2f}", "")
        table.add_row("a bare round trip", _ms(bare), "", "")
        table.add_section()
        table.add_row(f"receipt, {self.open} open", _ms(self.receipt_ms), f"{self.receipt_ms / bare:.2f}", "")
        table.add_row(f"list all {self.open}", _ms(self.list_ms), "", "")
        table.add_row("find one of them", _ms(self.find_ms), "", "")
        table.add_row("orchestrator's memory", f"{all_:.0f} MiB", f"{all_ / few:.2f} of that with {_FEW} open", "")
        console.print(table)


async def measure_approvals(folder: Path, count: int) -> Approvals:
    """Ask in a suite of its own, decide some while it is idle; then open so many, list them, find some, decide some."""
    async with asyncio.timeout(_WITHIN), open_house(folder) as house:
        settings = NatsSettings(servers=(house.endpoints.nats,), nkey_seed_file=house.operator)
        approver, key = find_key(folder / ".perdure" / "keys", None)
        async with (
            connect(settings, source="perdure/bench", within=5) as bus,
            _reviewing(house, bus, approver, key) as reviewer,
        ):
            await _ask(house, bus, _DECIDED)
            idle = await _idle(house, reviewer, await open_requests(bus))
            few = await _ask(house, bus, _FEW)
            many = await _ask(house, bus, count - _FEW)
            tell("approvals: list, find, decide")
            list_ms = await _p50(_LISTED, lambda: open_requests(bus))
            waiting = await open_requests(bus)
            assert len(waiting) == count, len(waiting)
            find_ms = await _p50(_LISTED, lambda: find_request(bus, waiting[-1].request_id))
            reviewer.has_to_decide(waiting)
            receipt = await _p50(_DECIDED, reviewer.decide)
    return Approvals(count, idle, receipt, list_ms, find_ms, (few, many))


async def _ask(house: House, bus: NatsBus, count: int) -> float:
    """Start so many runs that ask, wait until all do, and return the orchestrator's memory in MiB."""
    tell(f"approvals: {count} runs ask")
    asked = asyncio.Event()
    runs = set[str]()

    async def hear(message: Msg) -> None:
        runs.add(message.subject)  # a request that is said again is heard again
        if len(runs) == count:
            asked.set()

    client = await house.connect()
    await client.subscribe("approvals.requested.>", cb=hear)
    await client.flush()
    for _ in range(count):
        await bus.js.publish("events.bench.asked", b'{"title": "Shall we?"}', headers={"Nats-Msg-Id": uuid4().hex})
    await asked.wait()
    await client.close()
    return resident_mib(house.processes)["orchestrator"]


@dataclass
class _Reviewer:
    """Says yes, and waits for the receipt."""

    bus: NatsBus
    approver: str
    key: SigningKey
    heard: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    waiting: list[ApprovalRequested] = field(default_factory=list)

    def has_to_decide(self, requests: Sequence[ApprovalRequested]) -> None:
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
        receipt = await self.heard.get()
        assert (receipt["request_id"], receipt["accepted"]) == (request.request_id, True), receipt

    async def hear(self, message: Msg) -> None:
        self.heard.put_nowait(json.loads(message.data))


@asynccontextmanager
async def _reviewing(house: House, bus: NatsBus, approver: str, key: SigningKey) -> AsyncIterator[_Reviewer]:
    reviewer, client = _Reviewer(bus, approver, key), await house.connect()
    await client.subscribe("receipts.>", cb=reviewer.hear)
    await client.flush()
    yield reviewer
    await client.close()


async def _idle(house: House, reviewer: _Reviewer, waiting: Sequence[ApprovalRequested]) -> dict[str, float]:
    """Let reviewer, floor and bare messages take turns; returns the p50 of each in milliseconds."""
    tell(f"approvals: {len(waiting)} decisions, one by one")
    reviewer.has_to_decide(waiting)
    took: dict[str, list[float]] = {"receipt": [], "by hand": [], "round trip": []}
    async with open_receipts_floor(house) as floor, _round_trips(house) as ask:
        await floor.ask(len(waiting))
        for _ in waiting:
            for name, work in zip(took, (reviewer.decide, floor.decide, ask), strict=True):
                took[name].append(await _timed(work))
    return {name: statistics.median(times) for name, times in took.items()}


@asynccontextmanager
async def _round_trips(house: House) -> AsyncIterator[Work]:
    """Give a NATS request and its reply between two connections of this process."""
    asker, answerer = [await house.connect() for _ in range(2)]

    async def reply(message: Msg) -> None:
        await message.respond(b"")

    await answerer.subscribe(_ROUND_TRIP, cb=reply)
    await answerer.flush()
    yield lambda: asker.request(_ROUND_TRIP, b"")
    for client in (asker, answerer):
        await client.close()


async def _p50(times: int, work: Work) -> float:
    return statistics.median([await _timed(work) for _ in range(times)])


async def _timed(work: Work) -> float:
    """Wait until the suite is idle, and return how long this takes then, in milliseconds."""
    await asyncio.sleep(_IDLE)
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1_000


def _ms(took: float) -> str:
    return f"{took:.2f} ms" if took < 10 else f"{took:.0f} ms"  # noqa: PLR2004 (people read three digits)
