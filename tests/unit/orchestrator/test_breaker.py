"""The breaker as a state machine: whatever happens, in any order."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from perdure_orchestrator.agents.breaker import Breaker

STEPS = st.integers(0, 9).map(str)
DEMANDS = st.none() | st.integers(0, 3600).map(float)


def failing(steps: int, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for step in range(steps):
        breaker = breaker.failed(str(step), now, demanded=None, probe=False)
    return breaker


def test_it_opens_when_five_steps_in_a_row_have_failed_and_not_before() -> None:
    assert [failing(count).wait(0.0) for count in (0, 4, 5)] == [0.0, 0.0, 1.0]


def test_one_step_that_fails_for_ever_keeps_nobody_else_waiting() -> None:
    breaker = Breaker()
    for now in range(100):
        breaker = breaker.failed("poison", now, demanded=None, probe=False)

    assert breaker.wait(100.0) == 0.0


def test_a_demanded_wait_holds_for_everybody_and_to_the_second() -> None:
    breaker = Breaker().failed("1", 10.0, demanded=7.0, probe=False)

    assert (breaker.wait(10.0), breaker.wait(16.5), breaker.wait(17.0)) == (7.0, 0.5, 0.0)


def test_a_wait_that_is_over_is_none() -> None:
    assert Breaker().failed("1", 10.0, demanded=0.0, probe=False).wait(10.0) == 0.0


@given(st.lists(DEMANDS, max_size=30))
def test_probes_grow_rarer_up_to_a_minute_unless_a_longer_wait_is_demanded(demands: list[float | None]) -> None:
    breaker, now = failing(5), 0.0
    for number, demanded in enumerate(demands, start=1):
        now += breaker.wait(now)
        breaker = breaker.sent().failed("1", now, demanded=demanded, probe=True)
        assert abs(breaker.wait(now) - max(min(60.0, 2.0**number), demanded or 0.0)) < 1e-6


def test_after_the_probe_was_answered_everybody_may_go() -> None:
    breaker = failing(5).sent().answered(probe=True)

    assert breaker == Breaker()


class Requests(RuleBasedStateMachine):
    """Senders who obey the breaker, and a clock; each request ends in any way at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now = Breaker(), 0.0
        self.out: list[bool] = []  # whether each request that is out is the probe

    @rule(seconds=st.integers(0, 100).map(float))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    @precondition(lambda self: self.breaker.wait(self.now) == 0)
    def send(self) -> None:
        self.out.append(self.breaker.is_open)
        self.breaker = self.breaker.sent()

    @rule(data=st.data(), step=STEPS, demanded=DEMANDS, how=st.sampled_from(["answered", "failed", "given_up"]))
    @precondition(lambda self: self.out)
    def end(self, data: st.DataObject, step: str, demanded: float | None, how: str) -> None:
        probe = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        if how == "failed":
            self.breaker = self.breaker.failed(step, self.now, demanded=demanded, probe=probe)
            assert demanded is None or self.breaker.wait(self.now) >= demanded
        elif how == "answered":
            self.breaker = self.breaker.answered(probe=probe)
        else:
            self.breaker = self.breaker.given_up(probe=probe)

    @invariant()
    def one_probe_is_out_at_most(self) -> None:
        assert sum(self.out) == self.breaker.probing
        assert not self.breaker.probing or self.breaker.is_open

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        assert 0 <= self.breaker.wait(self.now) <= 3600
        assert self.breaker.probing or self.breaker.wait(self.now + 3600) == 0


TestRequests = Requests.TestCase
