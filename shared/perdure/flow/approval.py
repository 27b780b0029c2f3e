"""A run asks a human and waits, durably."""

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from opentelemetry import trace
from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic_core import to_jsonable_python
from temporalio import workflow

from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested
from perdure.flow.inbox import ArrivedDecision
from perdure.flow.run import Run

__all__ = ["Approved", "Expired", "Outcome", "Rejected", "approval", "digest_of"]


_tracer: Final = trace.get_tracer("perdure.flow")


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)


class Approved(_Outcome):
    """Somebody said yes."""

    outcome: Literal["approved"] = "approved"
    by: str
    comment: str = ""


class Rejected(_Outcome):
    """Somebody said no."""

    outcome: Literal["rejected"] = "rejected"
    by: str
    comment: str = ""


class Expired(_Outcome):
    """Nobody answered in time."""

    outcome: Literal["expired"] = "expired"


Outcome = Approved | Rejected | Expired
"""How an approval ends; meant for ``match``."""


async def approval(title: str, *, details: Any = None, timeout: timedelta | None = None) -> Outcome:
    """Ask, and wait for the first answer that counts, whatever dies meanwhile.

    Args:
        title: The question, one line.
        details: What the reviewer needs to see; anything that pydantic can turn into JSON.
        timeout: After this time no answer counts any more; none means that the run waits for ever.
    """
    run = Run.current()
    request = _request(run, title, to_jsonable_python(details), timeout)
    with _tracer.start_as_current_span(f"approval {title}", attributes={"perdure.request_id": request.request_id}):
        answer, refused = run.inbox.ask(request)
        try:
            await run.say([request, run.fact("waiting", step=title), *refused])
            await workflow.wait_condition(answer.done, timeout=timeout)
        except TimeoutError:
            run.inbox.close(request.request_id, "nobody answered the request in time, so it is closed")
            return await _expired(run, request)
        finally:
            run.inbox.close(request.request_id, "the run no longer asks this")
        return await _decided(run, request, answer.result())


def digest_of(title: str, details: JsonValue) -> str:
    """Return the SHA-256, in hex, of what a reviewer is asked: a decision names it."""
    asked = json.dumps({"details": details, "title": title}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(asked.encode()).hexdigest()


def _request(run: Run, title: str, details: JsonValue, timeout: timedelta | None) -> ApprovalRequested:
    info = workflow.info()
    run.asked += 1
    return ApprovalRequested(
        workflow=info.workflow_type,
        workflow_id=info.workflow_id,
        run_id=info.run_id,
        request_id=f"{info.workflow_id}.{run.asked}",
        title=title,
        details=details,
        digest=digest_of(title, details),
        opened_at=workflow.now(),
        expires_at=None if timeout is None else workflow.now() + timeout,
    )


async def _expired(run: Run, request: ApprovalRequested) -> Expired:
    expired = ApprovalExpired(**_about(request), expired_at=workflow.now())
    await run.say([expired, run.fact("resumed", step=request.title, error="nobody answered in time")])
    return Expired()


async def _decided(run: Run, request: ApprovalRequested, arrived: ArrivedDecision) -> Outcome:
    decision = arrived.decision
    decided = ApprovalDecided(
        **_about(request),
        decision=decision.decision,
        decision_id=arrived.decision_id,
        approver=decision.approver,
        comment=decision.comment,
        decided_at=workflow.now(),
    )
    resumed = run.fact("resumed", step=request.title, result=decision.decision)
    await run.say([arrived.receipt(refused=None), decided, resumed])
    if decision.decision == "approve":
        return Approved(by=decision.approver, comment=decision.comment)
    return Rejected(by=decision.approver, comment=decision.comment)


def _about(request: ApprovalRequested) -> dict[str, str]:
    return request.model_dump(include={"workflow", "workflow_id", "run_id", "request_id"})
