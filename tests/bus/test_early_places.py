"""What waits for runs that have not begun is bounded, in number and in bytes, on every store."""

import json

import pytest

from perdure.bus import KeyValue, MemoryKeyValue, NatsKeyValue, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure_orchestrator.early_places import EarlyPlaces


async def fill(entries: KeyValue, runs: list[str], *, of_each: int) -> None:
    """Let messages wait for runs, as bridges have stored them."""
    await entries.put("early.SIGNALS", json.dumps({run: list(range(1, of_each + 1)) for run in runs}).encode())


async def test_messages_of_a_thousand_runs_wait_and_those_of_the_next_do_not() -> None:
    entries = MemoryKeyValue()
    await fill(entries, [f"r{number}" for number in range(999)], of_each=1)
    early = EarlyPlaces(entries, "SIGNALS")

    assert [await early.add(run, 2) for run in ("r998", "thousandth", "next")] == [True, True, False]
    assert len(await early.places()) == 1_000
    await early.remove("r0", 1)
    assert await early.add("next", 2)


@pytest.mark.parametrize("sign", ["r", "é", '"'])
async def test_ids_however_long_fill_the_bound_and_never_more_than_nats_takes(
    sign: str, nats_settings: NatsSettings
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        entries = NatsKeyValue(bus.js, "BRIDGE")
        await fill(entries, [f"{number}{sign * 990}" for number in range(100)], of_each=32)
        early, taken = EarlyPlaces(entries, "SIGNALS"), 0
        while await early.add(f"n{taken}{sign * 2_000}", 1_000_000_000):
            taken += 1
        kept = await EarlyPlaces(entries, "SIGNALS").places()

    assert 0 < taken < 700
    assert len(kept) == 100 + taken
