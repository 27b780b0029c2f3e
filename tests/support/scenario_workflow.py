"""A run that asks what a story says, in the order in which the story says it."""

import asyncio
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel
from temporalio import workflow

from perdure.flow import ApprovalOutcome, Approved, Policy, Rejected, approval


class Question(BaseModel):
    title: str
    policy: Policy
    requester: str | None


class Script(BaseModel):
    questions: tuple[Question, ...]
    order: Literal["all", "any", "in turn"]
    lead: timedelta


@workflow.defn
class Telling:
    """Returns the outcomes, but of those that were no longer asked."""

    @workflow.run
    async def run(self, script: Script) -> list[tuple[str, str]]:
        await asyncio.sleep(script.lead.total_seconds())
        if script.order == "in turn":
            return [_told(await _ask(question)) for question in script.questions]
        tasks = [asyncio.create_task(_ask(question)) for question in script.questions]
        if script.order == "any":
            await workflow.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=script.order == "any")
        return [_told(outcome) for outcome in outcomes if not isinstance(outcome, BaseException)]


async def _ask(question: Question) -> ApprovalOutcome:
    return await approval(question.title, policy=question.policy, requester=question.requester)


def _told(outcome: ApprovalOutcome) -> tuple[str, str]:
    return outcome.outcome, outcome.by if isinstance(outcome, Approved | Rejected) else ""
