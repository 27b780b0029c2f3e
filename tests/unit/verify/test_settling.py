"""The verifier repeats its checks until they pass or time is up."""

import time
from dataclasses import replace
from typing import cast

import pytest

from perdure.errors import Unavailable
from perdure.verify import settling
from perdure.verify.judgement import Comparison
from perdure.verify.records import DeadLetterRecord, Execution, Expected, Observations, Published
from perdure.verify.settling import wait_for_comparison
from perdure.verify.sources import Sources

EVENT = Expected("1", "a")
LOST = Observations(published=[Published(1, "events.a", "1", "aa")])
DEAD = Observations(published=LOST.published, dead_letters=[DeadLetterRecord(1, "bad_data", "EVENTS", 1, "1")])
TWICE = Observations(
    published=DEAD.published, dead_letters=DEAD.dead_letters, executions=[Execution("w", "r", "1", "RUNNING")]
)


class FakeSources:
    """Returns scripted observations in order, then repeats the last; None stands for a source that is away."""

    silent = ()

    def __init__(self, *script: tuple[bool, Observations | None]) -> None:
        self._script = list(script)
        self._now = script[0]

    async def observe(self) -> Observations:
        self._now = self._script.pop(0) if self._script else self._now
        acknowledged, seen = self._now
        if seen is None:
            raise Unavailable("away")
        return seen if acknowledged else replace(seen, outstanding={"EVENTS/ingest": 1})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_POLL_INTERVAL", 0.01)


async def settle(*script: tuple[bool, Observations | None], seconds: float) -> Comparison:
    return await wait_for_comparison(
        cast("Sources", FakeSources(*script)),
        [EVENT],
        runs_per_event=1,
        ended=True,
        deadline=time.monotonic() + seconds,
        on_comparison=lambda _: None,
    )


async def test_an_event_in_flight_is_no_violation() -> None:
    assert (await settle((True, LOST), (True, DEAD), seconds=60)).violations == []


async def test_checks_do_not_pass_while_a_message_is_unacknowledged() -> None:
    found = await settle((False, DEAD), (True, TWICE), seconds=0.2)

    assert {it.check for it in found.violations} >= {"outcome"}


async def test_an_event_without_outcome_when_time_is_up_is_a_violation() -> None:
    assert [it.id for it in (await settle((True, LOST), seconds=0.1)).violations] == ["1"]


async def test_the_checks_run_once_even_without_time() -> None:
    assert {it.id for it in (await settle((False, LOST), seconds=0)).violations} == {"1", "EVENTS/ingest"}


async def test_a_source_may_be_unavailable_for_a_while() -> None:
    assert (await settle((True, None), (True, DEAD), seconds=60)).violations == []


async def test_a_source_that_stays_unavailable_leaves_no_comparison() -> None:
    with pytest.raises(Unavailable):
        await settle((True, None), seconds=0.1)
