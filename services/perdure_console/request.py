"""One approval request: exactly what will be done, who asks, by which policy, and what has been decided."""

from collections.abc import Mapping
from typing import Any, Final

from perdure.approvers.policy_text import approvers_text, policy_facts
from perdure.bus import decode
from perdure.bus.views.approval_index import request_of
from perdure.bus.views.request_record import RequestRecord
from perdure.bus.views.requests import find_request
from perdure.contracts import AboutRequest, ApprovalRequested, Receipt, to_token
from perdure.contracts.request_digest import COVERED, DIGEST_VERSION
from perdure.errors import NotFound
from perdure_console.desk import Desk
from perdure_console.identity import Person
from perdure_console.pages import LivePage
from perdure_console.waiting import is_mine

__all__ = ["PAGE"]


async def _load(desk: Desk, person: Person, query: Mapping[str, str]) -> dict[str, Any]:
    record = await find_request(desk.bus, query.get("id", ""))
    request_id = record.request.request_id
    mine = f"{request_id}.{person.name}."
    receipts = [decode(it.raw) async for it in desk.bus.read(f"receipts.{to_token(request_id)}")]
    own = [it for it in receipts if isinstance(it, Receipt) and it.decision_id.startswith(mine)]
    asked = query.get("decision", "")
    return {
        "record": record,
        "approvals": sum(vote.decision == "approve" for vote in record.votes),
        "receipts": own,
        "unjudged": bool(asked) and all(it.decision_id != asked or not it.is_final for it in own),
        "decided": asked,
    }


async def _frame(desk: Desk, person: Person, query: Mapping[str, str]) -> dict[str, Any]:
    record = await find_request(desk.bus, query.get("id", ""))
    request = await _as_opened(desk, record)
    return {
        "asked": request,
        "who": approvers_text(record.request.policy),
        "rules": [(name, value) for name, value in policy_facts(record.request.policy) if value],
        "may_decide": record.state == "open" and is_mine(desk, person, record.request),
        "signed": {name: request.model_dump(mode="json")[name] for name in COVERED},
        "version": DIGEST_VERSION,
    }


async def _as_opened(desk: Desk, record: RequestRecord) -> ApprovalRequested:
    """Return the request with the policy that its digest covers: escalations change it later."""
    now = record.request
    about = AboutRequest(
        type=now.type, workflow=now.workflow, workflow_id=now.workflow_id, run_id=now.run_id, request_id=now.request_id
    )
    request = await request_of(desk.bus, about)
    if request is None:
        raise NotFound(f"The request {record.request.request_id} is not kept any more.")
    return request


def _patterns(query: Mapping[str, str]) -> tuple[str, ...]:
    request_id = query.get("id", "")
    run = request_id.rpartition(".")[0]
    return f"approvals.*.*.{to_token(run)}", f"receipts.{to_token(request_id)}", f"progress.*.{to_token(run)}"


PAGE: Final = LivePage("/request", "request.html", "request_middle.html", _load, _patterns, _frame)
