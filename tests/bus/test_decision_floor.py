"""Which decisions may be trimmed: none of a run that is open or may begin."""

import json
from datetime import UTC, datetime

import pytest

from perdure.bus import Bus, MemoryKeyValue, RawMessage
from perdure.bus.envelope import encode
from perdure.contracts import Progress, to_token
from perdure.values.progress_kind import ProgressKind
from perdure_orchestrator.decision_floor import DecisionFloor
from perdure_orchestrator.early_places import EarlyPlaces


async def decide(bus: Bus, run: str, nonce: str) -> None:
    body = {
        "request_id": f"{run}.1",
        "digest": "0" * 64,
        "decision": "approve",
        "approver": "ada",
        "comment": "",
        "nonce": nonce,
        "workflow_id": run,
    }
    await bus.publish_raw(RawMessage(f"decisions.{to_token(run)}", json.dumps(body).encode(), {}))


async def publish_fact(bus: Bus, run: str, sequence: int, kind: ProgressKind) -> None:
    at = datetime.now(UTC)
    fact = Progress(workflow="W", workflow_id=run, run_id="r", sequence=sequence, kind=kind, at=at)
    await bus.publish_raw(encode(fact, source="perdure/test"))


@pytest.fixture
def entries() -> MemoryKeyValue:
    return MemoryKeyValue()


async def test_decisions_of_ended_and_unknown_runs_and_what_is_no_decision_may_go(
    bus: Bus, entries: MemoryKeyValue
) -> None:
    await publish_fact(bus, "ended", 1, "started")
    await publish_fact(bus, "ended", 2, "completed")
    await decide(bus, "ended", "a")
    await decide(bus, "never-began", "b")
    await bus.publish_raw(RawMessage("decisions.x", b"no JSON", {}))

    assert await DecisionFloor(bus, entries).done_until(3) == 3


async def test_the_oldest_decision_of_an_open_run_and_all_behind_it_stay(bus: Bus, entries: MemoryKeyValue) -> None:
    await publish_fact(bus, "open", 1, "started")
    await decide(bus, "never-began", "a")
    await decide(bus, "open", "b")
    await decide(bus, "never-began", "c")

    assert await DecisionFloor(bus, entries).done_until(3) == 1


async def test_a_decision_on_a_run_that_waits_for_its_start_stays(bus: Bus, entries: MemoryKeyValue) -> None:
    for nonce in "abc":
        await decide(bus, "held", nonce)
    await EarlyPlaces(entries, "DECISIONS").add("held", 2)

    assert await DecisionFloor(bus, entries).done_until(3) == 1


async def test_no_more_may_go_than_is_settled(bus: Bus, entries: MemoryKeyValue) -> None:
    for nonce in "abc":
        await decide(bus, "never-began", nonce)

    assert await DecisionFloor(bus, entries).done_until(2) == 2
