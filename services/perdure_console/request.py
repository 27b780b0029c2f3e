"""One approval request: exactly what will be done, who asks, by which policy, and what has been decided."""

from collections.abc import Mapping
from typing import Any, Final

from perdure.approvers.policy_text import approvers_text, policy_facts
from perdure.bus import decode
from perdure.bus.views.requests import find_request
from perdure.contracts import Receipt, to_token
from perdure.contracts.request_digest import COVERED, DIGEST_VERSION
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
    request = record.request
    return {
        "asked": request,
        "who": approvers_text(record.current_policy),
        "rules": [(name, value) for name, value in policy_facts(record.current_policy) if value],
        "may_decide": record.state == "open" and is_mine(desk, person, record),
        "signed": {name: request.model_dump(mode="json")[name] for name in COVERED},
        "version": DIGEST_VERSION,
    }


def _patterns(query: Mapping[str, str]) -> tuple[str, ...]:
    request_id = query.get("id", "")
    run = request_id.rpartition(".")[0]
    return f"approvals.*.*.{to_token(run)}", f"receipts.{to_token(request_id)}", f"progress.*.{to_token(run)}"


PAGE: Final = LivePage("/request", "request.html", "request_middle.html", _load, _patterns, _frame)
