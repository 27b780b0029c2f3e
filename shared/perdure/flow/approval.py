"""A run asks humans and waits, durably."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from opentelemetry import trace
from pydantic import BaseModel, ConfigDict, JsonValue
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Escalation,
    Policy,
    Severity,
    Vote,
)
from perdure.flow.ballot import Conclusion
from perdure.flow.facts import Fact
from perdure.flow.request_digest import request_digest, reviewable_json
from perdure.flow.run import Run
from perdure.flow.waiting import wait_until

__all__ = ["ApprovalOutcome", "Approved", "Expired", "Rejected", "approval"]

_ANY_WORKFLOW: Final = "*"

_tracer: Final = trace.get_tracer("perdure.flow")


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)


class Approved(_Outcome):
    """As many said yes as the policy asks for, or nobody answered and the policy takes that for a yes.

    Attributes:
        by: Who said it, joined by commas.
        comment: What they said to it, a line each.
        voices: The same, one by one.
        action_digest: Of the action that was shown.
    """

    outcome: Literal["approved"] = "approved"
    by: str
    comment: str = ""
    votes: tuple[Vote, ...] = ()
    action_digest: str | None = None

    def authorises(self, action: Any) -> bool:
        """Make sure, right before it is done, that this very action was approved; returns True or raises.

        Raises:
            ApplicationError: It is not what people saw, or they saw none. The run fails, unless it catches this.
        """
        if self.action_digest is None or request_digest("", action=reviewable_json(action)) != self.action_digest:
            raise ApplicationError(
                "What is about to be done is not what was approved.", type="NotAuthorised", non_retryable=True
            )
        return True


class Rejected(_Outcome):
    """Somebody said no."""

    outcome: Literal["rejected"] = "rejected"
    by: str
    comment: str = ""
    votes: tuple[Vote, ...] = ()


class Expired(_Outcome):
    """Nobody answered in time."""

    outcome: Literal["expired"] = "expired"


ApprovalOutcome = Approved | Rejected | Expired
"""How an approval ends; meant for ``match``."""


async def approval(  # noqa: PLR0913 (what makes an approval)
    title: str,
    *,
    details: Any = None,
    action: Any = None,
    severity: Severity = "normal",
    policy: Policy | None = None,
    requester: str | None = None,
    timeout: timedelta | None = None,
    remind_every: timedelta | None = None,
    escalate: Sequence[Escalation] = (),
) -> ApprovalOutcome:
    """Ask, and wait until the policy is met, whatever dies meanwhile.

    Args:
        title: The question, one line.
        details: What the reviewer needs to see; anything that pydantic can turn into JSON.
            Sets are shown in the order of their items' JSON text.
        action: What will be done on approval, likewise; ``Approved.authorises`` compares it with what is then done.
        severity: How much depends on a quick answer; the notifier goes by it.
        policy: Who may answer and how many it takes; by default what ``perdure.yaml`` says for this workflow.
        requester: On whose behalf the run asks: they may not answer, unless the policy says so.
        timeout: After this time no answer counts any more; without it, here and in the policy, the run waits for ever.
        remind_every: How often to remind; by default as the policy says.
        escalate: Who is asked later; by default as the policy says.

    Raises:
        TypeError: Details or action have parts in an order that another process would not repeat.
    """
    run = Run.current()
    shown, done = reviewable_json(details), reviewable_json(action)
    said = {"timeout": timeout, "remind_every": remind_every, "escalate": tuple(escalate)}
    policy = policy or await _configured(run)
    policy = Policy.model_validate({**dict(policy), **{name: value for name, value in said.items() if value}})
    request = _request(run, title, shown, action=done, severity=severity, policy=policy, requester=requester)
    with _tracer.start_as_current_span(f"approval {title}", attributes={"perdure.request_id": request.request_id}):
        answer, receipts = run.requests.open(request)
        try:
            await run.publish([request, run.fact("waiting", step=title), *receipts])
            for due, happening in _timetable(request):
                if await wait_until(answer.done, due):
                    break
                if happening is None:
                    await run.drain_decisions()
                    if answer.done():
                        break
                    run.requests.close(request.request_id, "request_expired", "nobody answered the request in time")
                    return await _expired(run, request)
                if isinstance(happening, ApprovalEscalated):
                    run.requests.escalate(request.request_id, request.policy.rungs[happening.count - 1])
                await run.publish([happening])
            await wait_until(answer.done)
        except (asyncio.CancelledError, FailureError) as error:
            if not is_cancelled_exception(error):
                raise
            if answer.done():
                run.publish_soon(_facts_of(run, request, answer.result()))
            else:
                run.withdraw_request(request.request_id)
            raise
        return await _decided(run, request, answer.result())


async def _configured(run: Run) -> Policy:
    policies = (await run.rules()).approvals
    return policies.get(workflow.info().workflow_type) or policies.get(_ANY_WORKFLOW) or Policy()


def _request(  # noqa: PLR0913 (what a request holds)
    run: Run,
    title: str,
    details: JsonValue,
    *,
    action: JsonValue,
    severity: Severity,
    policy: Policy,
    requester: str | None,
) -> ApprovalRequested:
    info, now = workflow.info(), workflow.now()
    run.approvals_requested += 1
    return ApprovalRequested(
        workflow=info.workflow_type,
        workflow_id=info.workflow_id,
        run_id=info.run_id,
        request_id=f"{info.workflow_id}.{run.approvals_requested}",
        title=title,
        details=details,
        action=action,
        severity=severity,
        policy=policy,
        requester=requester,
        digest=request_digest(title, details, action),
        opened_at=now,
        expires_at=None if policy.timeout is None else now + policy.timeout,
        first_run_id=info.first_execution_run_id,
    )


def _timetable(
    request: ApprovalRequested,
) -> Iterator[tuple[datetime, ApprovalReminded | ApprovalEscalated | None]]:
    """Name, in order, what happens while nobody answers, and when; None is the end."""
    every, rungs = request.policy.remind_every, request.policy.rungs
    reminders, climbed = 0, 0
    while True:
        coming: list[tuple[datetime, ApprovalReminded | ApprovalEscalated | None]] = []
        if request.expires_at is not None:
            coming.append((request.expires_at, None))
        if climbed < len(rungs):
            rung = rungs[climbed]
            said = ApprovalEscalated(**_about(request), to=(*rung.people, *rung.roles), count=climbed + 1)
            coming.append((request.opened_at + rung.after, said))
        if every is not None:
            reminder = ApprovalReminded(**_about(request), count=reminders + 1)
            coming.append((request.opened_at + (reminders + 1) * every, reminder))
        if not coming:
            return
        due, happening = min(coming, key=lambda it: it[0])
        yield due, happening
        reminders += isinstance(happening, ApprovalReminded)
        climbed += isinstance(happening, ApprovalEscalated)


async def _expired(run: Run, request: ApprovalRequested) -> ApprovalOutcome:
    silence = request.policy.silence
    expired = ApprovalExpired(**_about(request), expired_at=workflow.now(), silence=silence)
    await run.publish([expired, run.fact("resumed", step=request.title, error="nobody answered in time")])
    if silence == "approve":
        return Approved(by="", comment="nobody objected", action_digest=_action_digest(request))
    return Expired()


async def _decided(run: Run, request: ApprovalRequested, conclusion: Conclusion) -> ApprovalOutcome:
    await run.publish(_facts_of(run, request, conclusion))
    by, comment = _by(conclusion), _comment(conclusion)
    if conclusion.decision == "reject":
        return Rejected(by=by, comment=comment, votes=conclusion.votes)
    return Approved(by=by, comment=comment, votes=conclusion.votes, action_digest=_action_digest(request))


def _facts_of(run: Run, request: ApprovalRequested, conclusion: Conclusion) -> list[Fact]:
    decided = ApprovalDecided(
        **_about(request),
        decision=conclusion.decision,
        decision_id=conclusion.last.decision_id,
        approver=_by(conclusion),
        comment=_comment(conclusion),
        votes=conclusion.votes,
        decided_at=workflow.now(),
    )
    receipt = conclusion.last.receipt("accepted", "it counts, and settles the request")
    return [receipt, decided, run.fact("resumed", step=request.title, result=conclusion.decision)]


def _by(conclusion: Conclusion) -> str:
    return ", ".join(voice.approver for voice in conclusion.votes)


def _comment(conclusion: Conclusion) -> str:
    return "\n".join(voice.comment for voice in conclusion.votes if voice.comment)


def _action_digest(request: ApprovalRequested) -> str | None:
    return None if request.action is None else request_digest("", action=request.action)


def _about(request: ApprovalRequested) -> dict[str, str]:
    return request.model_dump(include={"workflow", "workflow_id", "run_id", "request_id"})
