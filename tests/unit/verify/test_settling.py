"""One looks again until all is well, or time is up."""

import time
from typing import cast

import pytest

from perdure.errors import Unavailable
from perdure.verify import settling
from perdure.verify.judgement import Verdict
from perdure.verify.records import DeadLetterRecord, Execution, Expected, Observations, Published
from perdure.verify.settling import settled
from perdure.verify.sources import Sources

EVENT = Expected("1", "a")
LOST = Observations(published=[Published(1, "events.a", "1", "aa")])
DEAD = Observations(published=LOST.published, dead_letters=[DeadLetterRecord(1, "bad_data", "EVENTS", 1, "1")])
TWICE = Observations(
    published=DEAD.published, dead_letters=DEAD.dead_letters, executions=[Execution("w", "r", "1", "RUNNING")]
)


class FakeSources:
    """Shows one thing after the other; the last for ever."""

    def __init__(self, *looks: tuple[bool, Observations | None]) -> None:
        self._looks = list(looks)
        self._now = looks[0]

    async def quiet(self) -> bool:
        self._now = self._looks.pop(0) if self._looks else self._now
        return self._now[0]

    async def look(self) -> Observations:
        if self._now[1] is None:
            raise Unavailable("away")
        return self._now[1]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_LOOK_EVERY", 0.01)


async def settle(*looks: tuple[bool, Observations | None], seconds: float) -> Verdict:
    return await settled(
        cast("Sources", FakeSources(*looks)),
        [EVENT],
        runs_per_event=1,
        deadline=time.monotonic() + seconds,
        tell=lambda _: None,
    )


async def test_what_is_in_flight_is_no_violation() -> None:
    assert (await settle((True, LOST), (True, DEAD), seconds=60)).violations == []


async def test_nothing_is_well_while_a_message_is_in_somebodys_hands() -> None:
    found = await settle((False, DEAD), (True, TWICE), seconds=0.2)

    assert {it.check for it in found.violations} >= {"outcome"}


async def test_what_is_left_when_time_is_up_is_a_violation() -> None:
    assert [it.id for it in (await settle((True, LOST), seconds=0.1)).violations] == ["1"]


async def test_even_without_time_there_is_one_look() -> None:
    assert [it.id for it in (await settle((False, LOST), seconds=0)).violations] == ["1"]


async def test_a_source_that_is_away_for_a_while_does_not_matter() -> None:
    assert (await settle((True, None), (True, DEAD), seconds=60)).violations == []


async def test_a_source_that_stays_away_leaves_no_verdict() -> None:
    with pytest.raises(Unavailable):
        await settle((True, None), seconds=0.1)
