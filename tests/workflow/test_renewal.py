from itertools import groupby

from temporalio import workflow

from perdure.flow import Agent, Approved, approval, renew_when_long
from perdure.testing import WorkflowRunner


@workflow.defn
class Endless:
    """Calls a model in each round and continues as new after it."""

    @workflow.run
    async def run(self, rounds: int) -> str:
        await Agent("counter").llm.generate_str(f"Round {rounds}")
        if rounds > 1:
            await renew_when_long(rounds - 1, longest=1)
        decision = await approval("Stop?")
        return "stopped" if isinstance(decision, Approved) else "went on"


async def test_a_run_continues_as_new_and_keeps_its_state(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(
        Endless, 3, model=lambda prompt: prompt, answers={"Stop?": "approve"}, settings={"limits": {"requests": 3}}
    ) as run:
        outcome = await run.outcome()

    assert outcome.result == "stopped"
    runs = [list(facts) for _, facts in groupby(outcome.progress, key=lambda fact: fact.run_id)]
    assert len(runs) == 3
    for facts in runs:
        assert list(dict.fromkeys(fact.sequence for fact in facts)) == list(range(1, facts[-1].sequence + 1))
    assert outcome.ending.usage is not None
    assert outcome.ending.usage.total.requests == 3


async def test_limits_count_over_all_runs_of_a_chain(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Endless, 3, model=lambda prompt: prompt, settings={"limits": {"requests": 2}}) as run:
        outcome = await run.outcome()

    assert outcome.ending.kind == "failed"
    assert "limits.requests" in (outcome.error or "")
