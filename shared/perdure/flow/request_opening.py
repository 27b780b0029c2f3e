"""Makes an approval request: its policy, and the digest of what it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from perdure.contracts import Alert, ApprovalRequested, Policy, Severity, Vote, content_digest, request_digest
from perdure.contracts.request_digest import DIGEST_VERSION
from perdure.flow.policy_request import RESOLVE_POLICY, PolicyRequest, ResolvedPolicy
from perdure.flow.publisher import BUS_RETRY, BUS_TIMEOUT
from perdure.flow.run import Run

__all__ = ["RequestContent", "new_request"]

_ANY_WORKFLOW: Final = "*"
_RESOLVES: Final = "perdure-policy-floor"  # a patch id: histories hold it
_NO_DIGEST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class RequestContent:
    """What a run requests an approval of, and from whom.

    Attributes:
        requester: The requester; a text is only what the run says.
        policy: The author's policy, None if there is none.
        given: The fields of the policy that ``approval`` was called with.
    """

    title: str
    details: JsonValue
    action: JsonValue
    severity: Severity
    requester: Vote | str | None
    on_behalf_of: str | None
    policy: Policy | None
    given: dict[str, Any]


async def new_request(run: Run, content: RequestContent) -> tuple[ApprovalRequested, list[Alert]]:
    """Determine the policy of a request, and make it; returns also the alert to publish if nobody can meet the policy.

    Raises:
        ApplicationError: The author's policy and the operator's cannot be met together.
        ValueError: Details or action hold a value that has no form in RFC 8785.
    """
    if not _resolves(run.approvals.requested + 1):
        return _request_of_0_1(run, content, await _policy_of_0_1(run, content)), []
    request_id = run.approvals.next_request_id()  # now, so that requests have the order of the calls
    resolved = await _resolve(content)
    if resolved.policy is None:
        raise ApplicationError(resolved.problem, type="PolicyConflict", non_retryable=True)
    policy, requester, on_behalf_of = resolved.policy, content.requester, content.on_behalf_of
    if isinstance(requester, str):  # the run says so: it may keep a person from voting, and proves nothing
        on_behalf_of = on_behalf_of or requester
        if not policy.requester_may_answer:
            policy = policy.model_copy(update={"excluded": tuple(dict.fromkeys((*policy.excluded, requester)))})
        requester = None
    request = _request(request_id, content, policy).model_copy(
        update={
            "run_id": resolved.run_id,
            "requester": requester and requester.approver,
            "on_behalf_of": on_behalf_of,
            "digest_version": DIGEST_VERSION,
        }
    )
    try:
        also = ("expires_at",) if resolved.covers_expiry else ()
        request = request.model_copy(update={"digest": request_digest(request, also=also)})
    except ValueError as error:
        raise ValueError(
            f"Reviewers cannot check details or action of {content.title!r}: {error}. Pass such a value as text."
        ) from error
    return request, _alerts(run, request, resolved.warnings)


def _alerts(run: Run, request: ApprovalRequested, warnings: Sequence[str]) -> list[Alert]:
    if not warnings:
        return []
    roles = dict.fromkeys((*request.policy.voting_roles, *request.policy.veto_roles))
    details: JsonValue = {"request": request.request_id, "problems": list(warnings)}
    return [run.new_alert(f"Nobody can decide {request.title!r} as its policy says", details, "high", tuple(roles))]


def _resolves(number: int) -> bool:
    """Return whether the policy of a request is resolved.

    A run that opened a request under older code answers no to the first id for ever: its later requests have own ids.
    """
    return workflow.patched(_RESOLVES) or workflow.patched(f"{_RESOLVES}-{number}")


async def _resolve(content: RequestContent) -> ResolvedPolicy:
    asked = {} if content.policy is None else content.policy.model_dump(exclude_unset=True)
    resolved: ResolvedPolicy = await workflow.execute_local_activity(
        RESOLVE_POLICY,
        PolicyRequest(
            workflow=workflow.info().workflow_type,
            asked=Policy.model_validate({**asked, **content.given}).model_dump(mode="json", exclude_unset=True),
            title=content.title,
            details=content.details,
            action=content.action,
            severity=content.severity,
            requester=content.requester.approver if isinstance(content.requester, Vote) else content.requester,
        ),
        result_type=ResolvedPolicy,
        start_to_close_timeout=BUS_TIMEOUT,
        retry_policy=BUS_RETRY,
    )
    return resolved


async def _policy_of_0_1(run: Run, content: RequestContent) -> Policy:
    """Return the policy as runs of 0.1 determine it: the author's replaces the operator's."""
    policy = content.policy
    if policy is None:
        policies = (await run.rules()).approvals
        policy = policies.get(workflow.info().workflow_type) or policies.get(_ANY_WORKFLOW) or Policy()
    return Policy.model_validate({**dict(policy), **content.given})


def _request_of_0_1(run: Run, content: RequestContent, policy: Policy) -> ApprovalRequested:
    requester = content.requester
    return _request(run.approvals.next_request_id(), content, policy).model_copy(
        update={
            "requester": requester.approver if isinstance(requester, Vote) else requester,
            "digest": content_digest(content.title, content.details, content.action),
        }
    )


def _request(request_id: str, content: RequestContent, policy: Policy) -> ApprovalRequested:
    info, now = workflow.info(), workflow.now()
    return ApprovalRequested(
        workflow=info.workflow_type,
        workflow_id=info.workflow_id,
        run_id=info.run_id,
        request_id=request_id,
        title=content.title,
        details=content.details,
        action=content.action,
        severity=content.severity,
        policy=policy,
        digest=_NO_DIGEST,
        opened_at=now,
        expires_at=None if policy.timeout is None else now + policy.timeout,
        first_run_id=info.first_execution_run_id,
    )
