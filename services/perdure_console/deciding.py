"""Takes decisions that were signed in the browser, and publishes them: the console holds nobody's key."""

from typing import Final
from urllib.parse import urlencode

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from perdure.bus.decision_client import publish_signed, receipt_of
from perdure.bus.envelope import describe_errors
from perdure.bus.views.requests import find_request
from perdure.contracts import Decision
from perdure.values.short_code import request_word
from perdure_console.desk import desk_of
from perdure_console.form import read_form
from perdure_console.identity import person_of
from perdure_console.pages import page

__all__ = ["decide"]

_RECEIPT_WITHIN: Final = 3.0  # seconds; the page follows it after that
_SIGNED: Final = (
    "request_id",
    "decision",
    "approver",
    "comment",
    "digest",
    "first_run_id",
    "nonce",
    "key_id",
    "signature",
)


async def decide(request: Request) -> Response:
    """Publish a decision, and go back to its request.

    Raises:
        HTTPException: The person is no approver, or decides for somebody else (403); or it is no decision (400).
    """
    desk, person, form = desk_of(request), person_of(request), await read_form(request)
    person.require("approver")
    known = (await find_request(desk.bus, form.get("request_id", ""))).request
    if not form.get("signature"):
        return page(request, "unsigned.html", status=400, word=request_word(known.request_id), asked=known)
    if form.get("approver") != person.name:
        raise HTTPException(403, f"You are {person.name}, and decide for nobody else.")
    fields = {name: form.get(name) or None for name in _SIGNED}
    try:
        decision = Decision.model_validate(
            {**fields, "comment": form.get("comment", ""), "workflow_id": known.workflow_id}
        )
    except ValidationError as error:
        raise HTTPException(400, f"This is no decision: {describe_errors(error)}.") from error
    published = await publish_signed(desk.bus, decision)
    await receipt_of(desk.bus, published, within=_RECEIPT_WITHIN)
    back = urlencode({"id": known.request_id, "decision": decision.message_id})
    return RedirectResponse(f"/request?{back}", status_code=303)
