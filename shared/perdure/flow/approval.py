"""A run asks a human and waits, durably."""

import json
from collections import deque
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from opentelemetry import trace
from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter
from pydantic_core import to_jsonable_python
from temporalio import workflow

from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested
from perdure.flow.inbox import ArrivedDecision
from perdure.flow.run import Run

__all__ = ["Approved", "Expired", "Outcome", "Rejected", "approval", "as_shown", "digest_of"]

_ANYTHING: Final = TypeAdapter[Any](Any)

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
            Sets are shown in the order of their items' JSON text.
        timeout: After this time no answer counts any more; none means that the run waits for ever.

    Raises:
        TypeError: The details have parts in an order that another process would not repeat.
    """
    run = Run.current()
    request = _request(run, title, as_shown(details), timeout)
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


def as_shown(details: Any) -> JsonValue:
    """Return details as JSON that every process repeats: a set's own order is another in each, and so is sorted.

    Raises:
        TypeError: A part has no order that can be repeated.
    """
    shown: JsonValue = to_jsonable_python(details)
    try:
        value = _ANYTHING.dump_python(details, warnings=False)
    except TypeError as error:  # pydantic makes mappings of objects, which no set can hold
        raise TypeError("Objects in a set have no order that can be repeated: show a list of them.") from error
    return _in_order(shown, value)


def digest_of(title: str, details: JsonValue) -> str:
    """Return the SHA-256, in hex, of what a reviewer is asked: a decision names it."""
    asked = json.dumps({"details": details, "title": title}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(asked.encode()).hexdigest()


def _in_order(shown: JsonValue, value: Any) -> JsonValue:
    """Sort what was a set: ``value`` is the same as ``shown``, part by part, but keeps Python's own types."""
    match shown, value:
        case list(), set() | frozenset():
            nested = any(isinstance(item, list) for item in shown)
            return sorted(map(as_shown, value) if nested else shown, key=json.dumps)
        case list(), list() | tuple() | deque() if len(shown) == len(value):
            return [_in_order(*pair) for pair in zip(shown, value, strict=True)]
        case dict(), dict() if len(shown) == len(value):
            return {key: _in_order(*pair) for key, *pair in zip(shown, shown.values(), value.values(), strict=True)}
        case list() | dict(), _:
            raise TypeError(f"A {type(value).__name__} has no order that can be repeated: show a list or a dict.")
    return shown


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
