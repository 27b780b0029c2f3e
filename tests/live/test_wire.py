"""Whatever bytes NATS acknowledges end as a run, a receipt or a dead letter, and no process minds."""

import os
from collections.abc import Sequence
from itertools import count
from typing import Final

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from perdure.bus import RawMessage
from perdure.config.settings import NatsSettings
from perdure.local.services import SERVICES
from perdure.local.state import State
from tests.support.raw_publisher import publish_raw
from tests.support.suite import World, shared_world
from tests.support.wire.bad_inputs import BAD_INPUTS, ROUTES
from tests.support.wire.fates import fates, without_fate
from tests.support.wire.strategies import RawPublication, decisions, events, signals

EXAMPLES: Final = int(os.environ.get("WIRE_EXAMPLES", "6"))
MOST_MEMORY: Final = 512 * 1024 * 1024  # bytes of a service

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    pytest.mark.timeout(120 + 10 * EXAMPLES),
]

here = shared_world(
    temporal={"signals_wait_seconds": 0},
    routes=[*({"on": f"work.{name.lower()}", "start": name} for name in ("Chain", "Quick", "Patient")), *ROUTES],
)


async def test_each_bad_input_has_its_reason(here: World) -> None:
    pids = {name: here.suite.supervisor.pid(name) for name in SERVICES}
    after = {stream: await here.last(stream) for stream in ("EVENTS", "DECISIONS", "SIGNALS")}
    seed = State(here.settings.state).seed("operator")
    nats = NatsSettings(servers=(here.suite.endpoints.nats,))
    for stream in after:
        by = None if stream == "EVENTS" else seed
        sent = [it.publication for it in BAD_INPUTS if it.stream == stream]
        assert await publish_raw(nats, [(it.subject, it.block, it.body) for it in sent], seed=by) == []

    became = await fates(here.bus, after)

    numbers = {stream: count(last + 1) for stream, last in after.items()}
    found = [(it, became[it.stream, next(numbers[it.stream])]) for it in BAD_INPUTS]
    wrong = [f"{it.name}: {fate}, not {it.fate}" for it, fate in found if tuple(fate) != it.fate]
    assert not wrong, "\n".join(wrong)
    assert {name: here.suite.supervisor.pid(name) for name in SERVICES} == pids, "a process died"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # what has no fate is named as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(events, max_size=25), st.lists(decisions, max_size=15), st.lists(signals, max_size=10))
async def test_whatever_is_acknowledged_has_a_fate(
    here: World, sent: Sequence[RawPublication], decided: Sequence[RawPublication], signalled: Sequence[RawPublication]
) -> None:
    pids = {name: here.suite.supervisor.pid(name) for name in SERVICES}
    after = {stream: await here.last(stream) for stream in ("EVENTS", "DECISIONS", "SIGNALS")}
    seed = State(here.settings.state).seed("operator")
    nats = NatsSettings(servers=(here.suite.endpoints.nats,))
    await publish_raw(nats, [(it.subject, it.block, it.body) for it in sent])
    await publish_raw(nats, [(it.subject, it.block, it.body) for it in (*decided, *signalled)], seed=seed)
    await here.bus.publish_raw(RawMessage("events.work.quick", b'{"steps": 1}', {}))

    assert await without_fate(here.bus, after) == []
    assert {name: here.suite.supervisor.pid(name) for name in SERVICES} == pids, "a process died"
    assert max(psutil.Process(pid).memory_info().rss for pid in pids.values()) < MOST_MEMORY
