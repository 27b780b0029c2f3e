"""Many runs and one provider that is down or overloaded, over real HTTP: nobody hammers it, and all runs go on."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from tests.support.llm_peer import Behaviour, llm_peer
from tests.support.model_calls import ModelCalls, model_calls, providers

MODEL = "openai-chat:gpt-4o"
STEPS = 200


@dataclass
class Steps:
    """Steps that are retried as Temporal does, on a clock that jumps to the next attempt.

    Attributes:
        due: When each step that has not completed is tried again, in seconds.
        errors: Of all attempts that failed.
    """

    now: float = 0.0
    due: dict[str, float] = field(default_factory=dict)
    tries: int = 0
    errors: list[ApplicationError] = field(default_factory=list)

    async def attempt(self, calls: ModelCalls, within: float = 0.5) -> None:
        """Make the attempts that are due in this half second at the same time."""
        self.now = max(self.now, min(self.due.values()))
        ready = [step for step, at in self.due.items() if at <= self.now + within]
        self.now += within
        await asyncio.gather(*(self._attempt(calls, step) for step in ready))

    async def _attempt(self, calls: ModelCalls, step: str) -> None:
        self.tries += 1
        try:
            await calls.call(MODEL, step=step)
        except ApplicationError as error:
            self.errors.append(error)
            delay = error.next_retry_delay
            self.due[step] = self.now + (1.0 if delay is None else delay.total_seconds())
        else:
            del self.due[step]


@pytest.mark.parametrize("behaviour", ["unavailable", "overloaded"])
async def test_200_steps_send_a_dead_provider_a_bounded_number_of_requests_and_all_complete_once_it_is_back(
    behaviour: Behaviour, tmp_path: Path
) -> None:
    steps = Steps(due={str(step): step / 10 for step in range(STEPS)})
    async with llm_peer() as peer:
        peer.otherwise = behaviour
        llm = {"providers": providers(peer.url, tmp_path), "request_timeout": "30s"}
        async with model_calls(llm, tmp_path, clock=lambda: steps.now) as calls:
            while steps.now < 600:  # ten minutes of the steps' time
                await steps.attempt(calls)
            while_dead, tries = len(peer.requests), steps.tries
            peer.otherwise = "answer"
            while steps.due:
                await steps.attempt(calls)

    assert tries > 5 * STEPS
    assert while_dead < 25  # those before it opens, and probes that grow rarer up to a minute
    assert not any(error.non_retryable for error in steps.errors)
    assert len(peer.requests) == while_dead + STEPS
    assert "has failed, and one request at a time tries it again" in steps.errors[-1].message


async def test_a_dead_provider_gets_no_more_than_one_request_of_each_step_though_all_begin_at_once(
    tmp_path: Path,
) -> None:
    steps = Steps(due=dict.fromkeys(map(str, range(STEPS)), 0.0))
    async with llm_peer() as peer:
        peer.otherwise = "unavailable"
        llm = {"providers": providers(peer.url, tmp_path), "request_timeout": "30s"}
        async with model_calls(llm, tmp_path, clock=lambda: steps.now) as calls:
            while steps.now < 60:
                await steps.attempt(calls)

    assert len(peer.requests) <= STEPS + 7


async def test_a_demanded_wait_holds_for_all_runs_of_the_model_and_for_no_other_model(tmp_path: Path) -> None:
    now = 0.0
    async with llm_peer() as peer:
        peer.plan, peer.retry_after = ["rate_limit_wait"], "600"
        async with model_calls({"providers": providers(peer.url, tmp_path)}, tmp_path, clock=lambda: now) as calls:
            with pytest.raises(ApplicationError, match="429"):
                await calls.call(MODEL, step="1")
            with pytest.raises(ApplicationError, match=r"was not asked: it has failed.*in about 600 s.*429") as refused:
                await calls.call(MODEL, step="2")
            other = await calls.call("openai-chat:gpt-4o-mini", step="3")
            now = 600.0
            answer = await calls.call(MODEL, step="2")

    assert (refused.value.type, other.text, answer.text) == ("ModelOverloaded", "hello", "hello")
    assert refused.value.next_retry_delay is not None
    assert 600 <= refused.value.next_retry_delay.total_seconds() <= 1200
    assert len(peer.requests) == 3


async def test_an_open_breaker_lets_the_next_model_answer_at_once(tmp_path: Path) -> None:
    async with llm_peer() as peer:
        peer.plan, peer.retry_after = ["rate_limit_wait"], "600"
        async with model_calls({"providers": providers(peer.url, tmp_path)}, tmp_path) as calls:
            answers = [await calls.call((MODEL, "anthropic:claude-sonnet-4-6"), step=step) for step in "12"]

    assert [answer.model for answer in answers] == ["claude-sonnet-4-6"] * 2
    assert len(peer.requests) == 3
    assert f"{MODEL} was not asked" in calls.notes[1]


async def test_a_probe_whose_run_is_cancelled_leaves_its_place_to_another(tmp_path: Path) -> None:
    now = 0.0
    async with llm_peer() as peer:
        peer.plan, peer.retry_after, peer.slow = ["rate_limit_wait", "slow_headers"], "1", 30
        llm = {"providers": providers(peer.url, tmp_path), "request_timeout": "30s"}
        async with model_calls(llm, tmp_path, clock=lambda: now) as calls:
            with pytest.raises(ApplicationError):
                await calls.call(MODEL, step="1")
            now = 1.0
            probe = asyncio.create_task(calls.call(MODEL, step="2"))
            while len(peer.requests) < 2:
                await asyncio.sleep(0.01)
            with pytest.raises(ApplicationError, match="was not asked"):
                await calls.call(MODEL, step="3")
            probe.cancel()
            await asyncio.wait({probe})
            answer = await calls.call(MODEL, step="3")

    assert (probe.cancelled(), answer.text) == (True, "hello")


async def test_one_run_whose_own_request_breaks_the_provider_keeps_no_other_waiting(tmp_path: Path) -> None:
    async with llm_peer() as peer:
        peer.plan = ["error"] * 12
        async with model_calls({"providers": providers(peer.url, tmp_path)}, tmp_path) as calls:
            for _ in range(12):
                with pytest.raises(ApplicationError, match="500"):
                    await calls.call(MODEL, step="poison")
            answer = await calls.call(MODEL, step="other")

    assert answer.text == "hello"
