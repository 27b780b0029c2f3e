"""A workflow that requests the approvals of a scenario, in the scenario's order."""

import asyncio
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel
from temporalio import workflow

from perdure.flow import ApprovalOutcome, Approved, Policy, Rejected, approval


class RequestInput(BaseModel):
    title: str
    policy: Policy
    requester: str | None
    action: dict[str, int] | None


class ScenarioInput(BaseModel):
    requests: tuple[RequestInput, ...]
    order: Literal["all", "any", "in turn"]
    lead: timedelta
    renews: bool = False
    results: tuple[tuple[str, str], ...] = ()


@workflow.defn
class ScenarioWorkflow:
    """Returns the outcomes of all requests that it did not cancel."""

    @workflow.run
    async def run(self, scenario: ScenarioInput) -> list[tuple[str, str]]:
        await asyncio.sleep(scenario.lead.total_seconds())
        if scenario.order == "in turn":
            return await _in_turn(scenario)
        tasks = [asyncio.create_task(_approval(request)) for request in scenario.requests]
        if scenario.order == "any":
            await workflow.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=scenario.order == "any")
        return [_result(outcome) for outcome in outcomes if not isinstance(outcome, BaseException)]


async def _in_turn(scenario: ScenarioInput) -> list[tuple[str, str]]:
    results = list(scenario.results)
    for number, request in enumerate(scenario.requests, 1):
        results.append(_result(await _approval(request)))
        if scenario.renews and number < len(scenario.requests):
            left = {"requests": scenario.requests[number:], "results": tuple(results), "lead": timedelta()}
            workflow.continue_as_new(scenario.model_copy(update=left))
    return results


async def _approval(request: RequestInput) -> ApprovalOutcome:
    return await approval(request.title, policy=request.policy, requester=request.requester, action=request.action)


def _result(outcome: ApprovalOutcome) -> tuple[str, str]:
    return outcome.outcome, outcome.by if isinstance(outcome, Approved | Rejected) else ""
