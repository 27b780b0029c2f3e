"""`perdure routes check` and the ingest app make the same of every event, verdicts included."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.bus import MemoryBus
from perdure.config.routes import Route
from perdure.config.services import IngestSettings
from perdure.config.settings import Settings
from perdure.contracts import DeadLetter, EventVerdict, SignalWorkflow, StartWorkflow
from perdure_ingest.dry_run import RouteOutcome, TrialEvent, try_event
from perdure_ingest.rules import compile_rules
from perdure_ingest.shared_run_ids import shared_run_ids
from tests.support.app_delivery import deliver_all
from tests.support.ingest import create_ingest
from tests.support.messages import json_values, texts

FIELDS = ["x", "y", "at", "items"]
TIMES = ["2026-12-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-12-01"]

values = json_values | st.integers(-(2**70), 2**70) | st.sampled_from([*TIMES, "", True, 1, 2, 3])
bodies = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=4).map(lambda data: json.dumps(data).encode()),
    json_values.map(lambda data: json.dumps(data).encode()),
    st.sampled_from(
        [b"", b"{", b"\xff", b'{"x": NaN}', b'"\\ud800"', b"[" * 3_000, b"[" * 200 + b"]" * 200, b" " * 600]
    ),
)
headers = st.dictionaries(st.sampled_from(["X-Tenant", "ce-id", "CE-Type", "content-type", "Nats-Msg-Id"]), texts)
trials = st.builds(
    TrialEvent,
    type=st.sampled_from(["a", "a.b", "c"]),
    body=bodies,
    id=st.sampled_from(["e1", "", "é/1"]),
    source=st.sampled_from(["nats", "", "shop/é"]),
    subject=st.none() | texts,
    time=st.none() | st.sampled_from(TIMES),
    headers=st.just({}) | headers,
)
routes = st.fixed_dictionaries(
    {"on": st.sampled_from(["a", "a.*", ">", "c"])},
    optional={
        "when": st.sampled_from(["data.x > 1", "has(data.y)", "source == 'nats'", "headers['x-tenant'] == 'b'"]),
        "workflow_id": st.sampled_from(["{data.x}", "o-{data.y}", "{time}", "{subject}", "o-{headers.x-tenant}"]),
        "input": st.sampled_from(["data.x", "data.items.map (it, it)", "{'all': data}"]),
        "priority": st.sampled_from(["data.x", "3"]),
        "fairness_key": st.just("{data.y}"),
        "not_before": st.sampled_from(["data.at", "timestamp(data.at)", "time + duration('1h')"]),
        "start_delay": st.just("36500d"),
        "schema": st.sampled_from([{"required": ["x"]}, {"multipleOf": 0.1}]),
    },
)


def named(configured: list[dict[str, Any]]) -> list[Route]:
    return [Route.model_validate({**route, "start": f"W{number}"}) for number, route in enumerate(configured)]


def ingest_starts_with(routes: list[Route]) -> bool:
    problems = (problem for number in range(len(routes)) for problem in shared_run_ids(routes, number))
    return all(problem.is_warning for problem in problems)


async def published(suite: Settings, trial: TrialEvent, now: datetime) -> list[Any]:
    bus = MemoryBus()
    await bus.publish_raw(trial.stored(now).raw)
    assert set(await deliver_all(create_ingest(suite, bus), bus)) <= {"ack", "term"}
    return bus.published


def without_clock(command: Any, started: datetime) -> Any:
    """Leave out what depends on the instant at which the message was stored, if it lies near the trial."""
    for path in (("options", "not_before"), ("workflow_id",)):
        *outer, name = path
        holder = command[outer[0]] if outer else command
        if str(started.year) in str(holder[name]) or str(started.year + 100) in str(holder[name]):
            holder[name] = "near"
    return command


@settings(max_examples=60, deadline=None)
@given(trials, st.lists(routes, max_size=3).map(named).filter(ingest_starts_with))
def test_the_dry_run_agrees_with_ingest(trial: TrialEvent, configured: list[Route]) -> None:
    suite = Settings(routes=tuple(configured), ingest=IngestSettings(max_payload_bytes=500))
    now = datetime.now(UTC)

    outcomes = list(try_event(trial, rules=compile_rules(configured), now=now, max_payload_bytes=500))

    found = asyncio.run(published(suite, trial, now))
    dead = [(it.reason, it.detail) for it in found if isinstance(it, DeadLetter)]
    commands = [it.model_dump(mode="json") for it in found if isinstance(it, StartWorkflow | SignalWorkflow)]
    refusals = [(it.reason, it.why) for it in outcomes if it.reason is not None]
    taken: list[RouteOutcome] = [it for it in outcomes if it.takes]
    assert [without_clock(it.command, now) for it in taken] == [without_clock(it, now) for it in commands]
    assert not (taken and dead)
    if not taken and (refusals or not any(it.verdict for it in outcomes)):
        ((reason, detail),) = dead
        assert (reason, detail) in refusals if refusals else reason == "no_route"
    else:
        assert not dead
    (verdict,) = [it for it in found if isinstance(it, EventVerdict)]
    assert verdict.refused == (dead[0][0] if dead else None)
    if outcomes and outcomes[0].route is None:
        assert {(it.verdict, it.reason) for it in verdict.routes} <= {("refused", verdict.refused)}
    else:
        judged = [(it.route, it.verdict, it.detail) for it in verdict.routes]
        assert judged == [(it.route, it.verdict, it.why) for it in outcomes if it.verdict]
