"""Requests an approval from people and waits for their decision, durably."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from opentelemetry import trace
from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

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
    content_digest,
)
from perdure.flow.approval_schedule import about, schedule
from perdure.flow.facts import Fact
from perdure.flow.outcomes import ApprovalOutcome, Approved, Expired, Rejected
from perdure.flow.request_opening import RequestContent, new_request
from perdure.flow.reviewable_json import reviewable_json
from perdure.flow.run import Run
from perdure.flow.waiting import wait_until
from perdure.values.summary_text import fit_summary
from perdure.voting.ballot import Conclusion

__all__ = ["approval"]

_tracer: Final = trace.get_tracer("perdure.flow")


async def approval(  # noqa: PLR0913 (what makes an approval)
    title: str,
    *,
    details: Any = None,
    action: Any = None,
    severity: Severity = "normal",
    policy: Policy | None = None,
    requester: Vote | str | None = None,
    on_behalf_of: str | None = None,
    timeout: timedelta | None = None,
    remind_every: timedelta | None = None,
    escalate: Sequence[Escalation] = (),
) -> ApprovalOutcome:
    """Request an approval, and wait until the policy is met, through any crash.

    Args:
        title: The question, one line.
        details: What the reviewer needs to see; anything that pydantic can turn into JSON.
            Sets are shown in the order of their items' JSON text.
        action: What will be done on approval, likewise; ``Approved.authorises`` compares it with what is then done.
        severity: How much depends on a quick decision; the notifier routes by it.
        policy: Who may vote and how many votes it takes. It can only tighten the policy of this workflow in
            ``perdure.yaml``; fields that it does not set are as there.
        requester: The approver who requests it, as one of the ``votes`` of an earlier outcome. They may not vote,
            unless the policy allows it. A name as text has the same effect, but proves nothing: the request shows it as
            ``on_behalf_of``.
        on_behalf_of: Whom or what the run works for, shown to reviewers; anybody may have written it.
        timeout: No vote counts after this time. Without it, here and in the policy, the run waits for ever.
        remind_every: How often to remind; by default as the policy says.
        escalate: Who may vote later; by default as the policy says.

    Raises:
        ApplicationError: This policy and the operator's cannot be met together.
        TypeError: Details or action contain parts in an order that another process would not repeat.
        ValueError: Details or action contain a number that JSON programs round, such as an integer beyond 2^53.
    """
    run = Run.current()
    given = {"timeout": timeout, "remind_every": remind_every, "escalate": tuple(escalate)}
    content = RequestContent(
        title=title,
        details=reviewable_json(details),
        action=reviewable_json(action),
        severity=severity,
        requester=requester,
        on_behalf_of=on_behalf_of,
        policy=policy,
        given={name: value for name, value in given.items() if value},
    )
    request, alerts = await new_request(run, content)
    with _tracer.start_as_current_span(f"approval {title}", attributes={"perdure.request_id": request.request_id}):
        conclusion, receipts = run.approvals.open(request)
        try:
            await run.publisher.publish([request, run.publisher.fact("waiting", step=title), *alerts, *receipts])
            if not await _concluded(run, request, conclusion):
                return await _expired(run, request)
        except (asyncio.CancelledError, FailureError) as error:
            if not is_cancelled_exception(error):
                raise
            if conclusion.done():
                run.publisher.publish_soon(_facts_of(run, request, conclusion.result()))
            else:
                run.approvals.withdraw(request.request_id)
            raise
        return await _decided(run, request, conclusion.result())


async def _concluded(run: Run, request: ApprovalRequested, conclusion: asyncio.Future[Conclusion]) -> bool:
    """Wait for the conclusion, reminding and escalating meanwhile; returns False if the request expires first."""
    for due, fact in schedule(request, run.approvals.reminders_are_rare, workflow.now):
        until = "expires" if fact is None else fact.type.removeprefix("approvals.")
        if await wait_until(conclusion.done, due, summary=fit_summary(f"approval {request.title}: {until}")):
            break
        if isinstance(fact, ApprovalReminded) and _is_over(request) and run.approvals.reminders_are_rare():
            continue  # it expired in an outage
        if fact is None:
            await run.approvals.drain_decisions()
            if conclusion.done():
                break
            run.approvals.close(request.request_id, "request_expired", "nobody answered the request in time")
            return False
        if isinstance(fact, ApprovalEscalated):
            await run.approvals.settled()  # those who voted before the escalation could still vote
            if conclusion.done():
                break
            run.approvals.escalate(request.request_id, request.policy.rungs[fact.count - 1])
        await run.publisher.publish([fact])
    await wait_until(conclusion.done)
    return True


def _is_over(request: ApprovalRequested) -> bool:
    return request.expires_at is not None and request.expires_at <= workflow.now()


async def _expired(run: Run, request: ApprovalRequested) -> ApprovalOutcome:
    silence = request.policy.silence
    expired = ApprovalExpired(**about(request), expired_at=workflow.now(), silence=silence)
    resumed = run.publisher.fact("resumed", step=request.title, error="nobody answered in time")
    await run.publisher.publish([expired, resumed])
    if silence == "approve":
        return Approved(by="", comment="nobody objected", action_digest=_action_digest(request))
    return Expired()


async def _decided(run: Run, request: ApprovalRequested, conclusion: Conclusion) -> ApprovalOutcome:
    await run.publisher.publish(_facts_of(run, request, conclusion))
    by, comment, votes = conclusion.approvers, conclusion.comments, conclusion.votes
    if conclusion.decision == "reject":
        return Rejected(by=by, comment=comment, votes=votes)
    return Approved(by=by, comment=comment, votes=votes, action_digest=_action_digest(request))


def _facts_of(run: Run, request: ApprovalRequested, conclusion: Conclusion) -> list[Fact]:
    decided = ApprovalDecided(
        **about(request),
        decision=conclusion.decision,
        decision_id=conclusion.last.decision_id,
        approver=conclusion.approvers,
        comment=conclusion.comments,
        votes=conclusion.votes,
        decided_at=workflow.now(),
    )
    receipt = conclusion.last.receipt("accepted", "it counts, and settles the request")
    return [receipt, decided, run.publisher.fact("resumed", step=request.title, result=conclusion.decision)]


def _action_digest(request: ApprovalRequested) -> str | None:
    return None if request.action is None else content_digest("", action=request.action)
