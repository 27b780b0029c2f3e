"""Approvals: what a reviewer waits for when many requests are open, beside a bare round trip on the same server."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from rich.console import Console
from rich.table import Table

from bench.house import INBOX, House, open_house
from bench.measure import percentiles, resident_mib
from bench.report import at_most, tell
from perdure.approvers import SigningKey, sign
from perdure.approvers.enrolment import find_key
from perdure.bus import NatsBus, connect
from perdure.bus.open_requests import find_request, open_requests
from perdure.contracts import Decision
from perdure.settings import NatsSettings

__all__ = ["Approvals", "measure_approvals"]

_AIM: Final = 10.0
_DECIDED: Final = 60
_LISTED: Final = 5
_FEW: Final = 100  # open requests with which the orchestrator's memory is compared
_ROUND_TRIP: Final = f"{INBOX}.asked"
_WITHIN: Final = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Approvals:
    """In milliseconds, with so many requests open and nothing else going on.

    Attributes:
        list_ms: To read all open requests, p50.
        find_ms: To read one of them, p50.
        receipt_ms: From before a decision is made and signed until a plain subscriber has its receipt, p50; one after
            the other.
        round_trip_ms: A NATS request and its reply between two connections of this process, p50, as far apart.
        orchestrator_mib: Resident, with 100 and with all of them open.
    """

    open: int
    list_ms: float
    find_ms: float
    receipt_ms: float
    round_trip_ms: float
    orchestrator_mib: tuple[float, float]

    def summary(self) -> dict[str, Any]:
        """Return it all, and the ratio that is aimed at."""
        return {
            "open": self.open,
            "p50_ms": {"list": self.list_ms, "find": self.find_ms, "receipt": self.receipt_ms},
            "round_trip_p50_ms": self.round_trip_ms,
            "receipt_to_round_trip": round(self.receipt_ms / self.round_trip_ms, 2),
            "aim": _AIM,
            "orchestrator_mib": self.orchestrator_mib,
        }

    def show(self, console: Console) -> None:
        """Print a table."""
        table = Table("", "p50", "to a round trip", title=f"With {self.open} open approvals")
        table.add_row("list all", f"{self.list_ms:.1f} ms", "")
        table.add_row("find one", f"{self.find_ms:.1f} ms", "")
        table.add_row("decision to receipt", f"{self.receipt_ms:.1f} ms", at_most(self._ratio, _AIM))
        table.add_row("a bare round trip", f"{self.round_trip_ms:.2f} ms", "")
        few, all_ = self.orchestrator_mib
        table.add_row("orchestrator's memory", f"{all_:.0f} MiB", f"{all_ / few:.2f} of that with {_FEW} open")
        console.print(table)

    @property
    def _ratio(self) -> float:
        return self.receipt_ms / self.round_trip_ms


async def measure_approvals(folder: Path, count: int) -> Approvals:
    """Open so many requests in a suite of its own, list them, find some, decide some."""
    async with asyncio.timeout(_WITHIN), open_house(folder) as house:
        settings = NatsSettings(servers=(house.endpoints.nats,), nkey_seed_file=house.operator)
        approver, key = find_key(folder / ".perdure" / "keys", None)
        async with connect(settings, source="perdure/bench", within=5) as bus:
            few = await _ask(house, bus, _FEW)
            many = await _ask(house, bus, count - _FEW)
            tell("approvals: list, find, decide")
            list_ms = await _p50(_LISTED, lambda: open_requests(bus))
            waiting = [request.request_id for request in await open_requests(bus)]
            assert len(waiting) == count, waiting
            find_ms = await _p50(_LISTED, lambda: find_request(bus, waiting[-1]))
            receipts, apart = await _receipts(house, bus, waiting[:_DECIDED], approver, key)
            round_trip = await _round_trips(house, apart)
    return Approvals(count, list_ms, find_ms, receipts, round_trip, (few, many))


async def _ask(house: House, bus: NatsBus, count: int) -> float:
    """Start so many runs that ask, wait until all do, and return the orchestrator's memory in MiB."""
    tell(f"approvals: {count} runs ask")
    asked = asyncio.Event()
    left = count

    async def hear(_: Msg) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            asked.set()

    client = await house.connect()
    await client.subscribe("approvals.requested.>", cb=hear)
    await client.flush()
    for _ in range(count):
        await bus.js.publish("events.bench.asked", b'{"title": "Shall we?"}', headers={"Nats-Msg-Id": uuid4().hex})
    await asked.wait()
    await client.close()
    return resident_mib(house.processes)["orchestrator"]


async def _receipts(
    house: House, bus: NatsBus, requests: list[str], approver: str, key: SigningKey
) -> tuple[float, float]:
    """Decide one after the other; returns the p50 in milliseconds, and how many seconds they were apart."""
    known = {request.request_id: request for request in await open_requests(bus)}
    client, heard = await house.connect(), asyncio.Queue[str]()

    async def hear(message: Msg) -> None:
        receipt = json.loads(message.data)
        assert receipt["accepted"], receipt
        heard.put_nowait(receipt["request_id"])

    await client.subscribe("receipts.>", cb=hear)
    await client.flush()
    took = []
    started = time.perf_counter()
    for request_id in requests:
        began = time.perf_counter()
        decision = Decision(
            workflow_id=known[request_id].workflow_id,
            request_id=request_id,
            decision="approve",
            approver=approver,
            digest=known[request_id].digest,
            nonce=uuid4().hex,
        )
        await bus.say(sign(decision, key))
        assert await heard.get() == request_id
        took.append((time.perf_counter() - began) * 1_000)
    apart = (time.perf_counter() - started) / len(requests)
    await client.close()
    return percentiles(took).p50, apart


async def _round_trips(house: House, apart: float) -> float:
    asker, answerer = [await house.connect() for _ in range(2)]

    async def reply(message: Msg) -> None:
        await message.respond(b"")

    await answerer.subscribe(_ROUND_TRIP, cb=reply)
    await answerer.flush()

    async def ask(client: Nats) -> float:
        await asyncio.sleep(apart)
        began = time.perf_counter()
        await client.request(_ROUND_TRIP, b"")
        return (time.perf_counter() - began) * 1_000

    took = [await ask(asker) for _ in range(_DECIDED)]
    for client in (asker, answerer):
        await client.close()
    return percentiles(took).p50


async def _p50(times: int, work: Callable[[], Awaitable[object]]) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1_000)
    return statistics.median(took)
