"""Runs that ask people. FROZEN, see the package."""

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import workflow

from perdure.flow import Approved, Expired, Policy, Rejected, approval


class Question(BaseModel):
    """What is asked; the policy as JSON, for that is what histories hold."""

    title: str
    details: Any = None
    action: Any = None
    policy: dict[str, Any] | None = None
    requester: str | None = None
    seconds: float | None = None


def as_list(outcome: Approved | Rejected | Expired) -> list[str]:
    match outcome:
        case Approved(by=by, comment=comment):
            return ["approved", by, comment]
        case Rejected(by=by, comment=comment):
            return ["rejected", by, comment]
        case Expired():
            return ["expired", "", ""]


async def ask(question: Question) -> list[str]:
    outcome = await approval(
        question.title,
        details=question.details,
        action=question.action,
        severity="high",
        policy=None if question.policy is None else Policy.model_validate(question.policy),
        requester=question.requester,
        timeout=None if question.seconds is None else timedelta(seconds=question.seconds),
    )
    return as_list(outcome)


@workflow.defn
class Asking:
    """Asks questions, one after another."""

    @workflow.run
    async def run(self, questions: list[Question]) -> list[list[str]]:
        return [await ask(question) for question in questions]


@workflow.defn
class AskingTogether:
    """Asks questions at the same time."""

    @workflow.run
    async def run(self, questions: list[Question]) -> list[list[str]]:
        return list(await asyncio.gather(*map(ask, questions)))


@workflow.defn
class AskingFirst:
    """Asks two at once; the first answer will do, and the other question is withdrawn."""

    @workflow.run
    async def run(self) -> str:
        questions = [asyncio.create_task(approval(title)) for title in ("Left?", "Right?")]
        await workflow.wait(questions, return_when=asyncio.FIRST_COMPLETED)
        for question in questions:
            question.cancel()
        answers = await asyncio.gather(*questions, return_exceptions=True)
        await workflow.sleep(60)
        return ", ".join(answer.by for answer in answers if isinstance(answer, Approved | Rejected))


@workflow.defn
class Paying:
    """Pays what was approved, or what it is made to pay."""

    @workflow.run
    async def run(self, approved: int, paid: int) -> str:
        decision = await approval("Pay?", action={"pay": approved})
        if not isinstance(decision, Approved):
            return decision.outcome
        decision.authorises({"pay": paid})
        return f"paid {paid}, {decision.by} agreed"


@workflow.defn
class Leaving:
    """Ends while its question is open."""

    @workflow.run
    async def run(self, seconds: float) -> str:
        self.asking = asyncio.create_task(approval("Well?"))
        await workflow.wait([self.asking], timeout=seconds)
        return "left"


@workflow.defn
class AskingInHandler:
    """Asks where a signal is handled, and goes on asking though it is cancelled."""

    def __init__(self) -> None:
        self._answers: list[list[str]] = []

    @workflow.run
    async def run(self) -> list[list[str]]:
        try:
            await workflow.wait_condition(lambda: len(self._answers) == 2)
        except asyncio.CancelledError:
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        return self._answers

    @workflow.signal
    async def ask(self, title: str) -> None:
        self._answers.append(as_list(await approval(title)))


@workflow.defn
class Stopped:
    """Is stopped by one who waits for a condition, and asks before it pays."""

    def __init__(self) -> None:
        self._stops = False

    @workflow.run
    async def run(self) -> str:
        work = asyncio.create_task(self._pay())
        stopping = asyncio.create_task(self._stop(work))
        try:
            return await work
        except asyncio.CancelledError:
            await stopping
            return "stopped"

    async def _stop(self, work: "asyncio.Task[str]") -> None:
        await workflow.wait_condition(lambda: self._stops)
        work.cancel()

    async def _pay(self) -> str:
        await approval("Pay?", timeout=timedelta(days=1))
        await workflow.execute_activity("mark", "paid", start_to_close_timeout=timedelta(minutes=1))
        return "paid"

    @workflow.signal
    def stop(self) -> None:
        self._stops = True
