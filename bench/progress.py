"""Progress: the latency of a fact to a subscriber, compared with bare messages on the same server.

Idle processes wake slowly, so bare messages are sent as far apart as facts were, and also back to back.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js.api import StreamConfig
from rich.console import Console
from rich.table import Table

from bench.house import INBOX, House
from bench.measure import Contestant, Latency, percentiles
from bench.report import at_most, median, tell

__all__ = ["Progress", "measure_progress"]

_FACT: Final = "a fact of a step"
_FLOOR: Final = "a bare hop"
_ACKNOWLEDGED: Final = "an acknowledged hop"
_IN_A_ROW: Final = "a bare hop right after another"
_AIM: Final = 5.0
_MEASURED: Final = {"step_started", "step_completed"}  # their `at` is from this machine's clock, not Temporal's
_BODY: Final = b"x" * 400  # bytes, the size of a fact
_SUBJECT: Final = f"{INBOX}.hop"
_STORED: Final = f"{INBOX}.stored"
_STREAM: Final = "BENCH_HOPS"
_HOPS: Final = 200

Publish = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Latency from the creation of a message to a subscriber's callback, in milliseconds.

    A worker in another process publishes the fact to JetStream. The hops go from one connection of this process to
    another: the bare hop is a core NATS publish, the acknowledged hop a JetStream publish. Each message is sent after
    the previous one was received, and nothing else runs.
    """

    rounds: list[dict[str, Latency]]

    def summary(self) -> dict[str, Any]:
        """Return medians over the rounds; ratios are taken within each round."""
        return {
            "p50_ms": {name: median([it[name].p50 for it in self.rounds]) for name in self.rounds[0]},
            "p99_ms": {name: median([it[name].p99 for it in self.rounds]) for name in self.rounds[0]},
            "ratios": {
                name: median([it[_FACT].p50 / it[name].p50 for it in self.rounds])
                for name in (_FLOOR, _ACKNOWLEDGED, _IN_A_ROW)
            },
            "aims": {_FLOOR: _AIM},
            "rounds": [{name: asdict(took) for name, took in it.items()} for it in self.rounds],
        }

    def show(self, console: Console) -> None:
        """Print a table."""
        found = self.summary()
        table = Table("", "p50", "p99", "a fact to it", title="To a subscriber, one run at a time")
        for name, p50 in found["p50_ms"].items():
            ratio = found["ratios"].get(name)
            against = "" if ratio is None else at_most(ratio, found["aims"].get(name))
            table.add_row(name, f"{p50:.2f} ms", f"{found['p99_ms'][name]:.2f} ms", against)
        console.print(table)


async def measure_progress(house: House, contestant: Contestant, runs: int, rounds: int) -> Progress:
    """Measure facts of sequential runs with a plain NATS subscriber, and then bare messages."""
    async with _client(house) as publisher, _client(house) as subscriber:
        js = publisher.jetstream()
        await js.add_stream(StreamConfig(name=_STREAM, subjects=[_STORED]))
        publish_bare = partial(publisher.publish, _SUBJECT, _BODY)
        played = []
        for number in range(rounds):
            tell(f"progress, round {number + 1} of {rounds}")
            facts, apart = await _facts(subscriber, contestant, runs)
            played.append(
                {
                    _FACT: facts,
                    _FLOOR: await _hops(subscriber, _SUBJECT, publish_bare, apart=apart),
                    _ACKNOWLEDGED: await _hops(subscriber, _STORED, partial(js.publish, _STORED, _BODY), apart=apart),
                    _IN_A_ROW: await _hops(subscriber, _SUBJECT, publish_bare, apart=0.0),
                }
            )
        return Progress(played)


async def _facts(subscriber: Nats, contestant: Contestant, runs: int) -> tuple[Latency, float]:
    """Return the latency of facts, and the mean seconds between them."""
    took: list[float] = []

    async def receive(message: Msg) -> None:
        now = time.time()
        fact = json.loads(message.data)
        if fact["kind"] in _MEASURED:
            took.append((now - datetime.fromisoformat(fact["at"]).timestamp()) * 1_000)

    subscription = await subscriber.subscribe("progress.>", cb=receive)
    await subscriber.flush()
    began = time.perf_counter()
    for _ in range(runs):
        await contestant.run_one()
    apart = (time.perf_counter() - began) / len(took)
    await subscription.unsubscribe()
    return percentiles(took), apart


async def _hops(subscriber: Nats, subject: str, publish: Publish, *, apart: float) -> Latency:
    took: list[float] = []
    received = asyncio.Event()

    async def receive(_: Msg) -> None:
        took.append((time.time() - began) * 1_000)
        received.set()

    subscription = await subscriber.subscribe(subject, cb=receive)
    await subscriber.flush()
    for _ in range(_HOPS):
        await asyncio.sleep(apart)
        received.clear()
        began = time.time()
        await publish()
        await received.wait()
    await subscription.unsubscribe()
    return percentiles(took)


@asynccontextmanager
async def _client(house: House) -> AsyncIterator[Nats]:
    client = await house.connect()
    try:
        yield client
    finally:
        await client.close()
