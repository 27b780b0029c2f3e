"""Faults strike one at a time, each over before the next."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.chaos.strike import Healed, Strike, Struck
from perdure.chaos.striker import Striker


class Recorded:
    """A fault that records when it begins and when it is over."""

    targets = ("a", "b")

    def __init__(self) -> None:
        self.log: list[str] = []

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        self.log.append(f"begin {strike.target}")
        yield "detail"
        self.log.append(f"over {strike.target}")


async def strike(times: int, strikes: int | None) -> tuple[list[str], list[Struck | Healed], bool]:
    fault, events = Recorded(), list[Struck | Healed]()
    striker = Striker({"kill": fault}, 7, strikes=strikes, report=events.append)
    for _ in range(times):
        await striker.strike()
    return fault.log, events, striker.is_enough


async def test_each_fault_is_over_before_the_next() -> None:
    log, events, is_enough = await strike(2, None)

    assert sorted(log[::2]) == ["begin a", "begin b"]
    assert [it.replace("begin", "over") for it in log[::2]] == log[1::2]
    assert [type(it) for it in events] == [Struck, Healed] * 2
    assert is_enough


async def test_it_goes_on_while_there_is_load_unless_the_number_of_strikes_is_given() -> None:
    assert len((await strike(5, None))[0]) == 10
    assert len((await strike(5, 3))[0]) == 6
    assert not (await strike(2, 3))[2]
