"""Serves the pages behind links in mails. Opening a link changes nothing; its buttons work once."""

from datetime import UTC, datetime
from typing import Final, Literal, get_args
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from perdure.bus import Bus, KeyValue
from perdure.bus.decision_client import DecisionClient, DecisionDraft
from perdure.bus.views.request_record import request_records
from perdure.contracts import LONGEST_COMMENT, ApprovalRequested, Receipt
from perdure.values.short_code import split_request
from perdure_notifier.replies.body import read_body
from perdure_notifier.replies.links import BadLink, Link, Links
from perdure_notifier.replies.page import outcome_page, request_page

__all__ = ["LinkReplies"]

_RECEIPT_WITHIN: Final = 10.0  # seconds
_GONE: Final = 410

Choice = Literal["approve", "reject"]


class LinkReplies:
    """Shows the request that was sent with a link, and no other, and publishes the decision made on its page."""

    def __init__(self, links: Links, *, bus: Bus, decisions: DecisionClient, entries: KeyValue) -> None:
        self._links = links
        self._bus = bus
        self._decisions = decisions
        self._entries = entries

    async def handle(self, request: Request) -> Response:
        """Show the request (GET), or publish the decision (POST)."""
        try:
            link = self._links.read(request.path_params["token"], datetime.now(UTC))
        except BadLink as error:
            return outcome_page("This link does not work", str(error), status=_GONE)
        if await self._entries.get(_used(link)) is not None:
            return outcome_page(
                "This link was already used", "A decision was made with it. It works once.", status=_GONE
            )
        shown = await self._find(link)
        if shown is None:
            return outcome_page(
                "This request is closed", "It was decided or has expired, or its run has ended.", status=_GONE
            )
        if request.method != "POST":
            return request_page(shown, link.approver)
        form = parse_qs((await read_body(request)).decode(errors="replace"))
        return await self._decide(link, shown, form.get("decision", [""])[0], form.get("comment", [""])[0].strip())

    async def _find(self, link: Link) -> ApprovalRequested | None:
        """Return the request that was sent with the link, if it is open."""
        records = await request_records(self._bus, split_request(link.request_id)[0], votes=False)
        found = [record.request for record in records if record.state == "open" and link.shows(record.request)]
        return found[-1] if found else None

    async def _decide(self, link: Link, request: ApprovalRequested, button: str, comment: str) -> Response:
        choice: Choice | None = next((it for it in get_args(Choice) if it == button), None)
        if choice is None:
            return outcome_page("Nothing was decided", "Go back and choose Approve or Reject.", status=400)
        if len(comment) > LONGEST_COMMENT:
            limit = f"The comment is too long. The limit is {LONGEST_COMMENT:,} characters."
            return outcome_page("Nothing was decided", limit, status=400)
        draft = DecisionDraft(
            request.request_id,
            request.digest,
            choice,
            link.approver,
            comment=comment,
            nonce=f"{link.nonce}.{choice}",  # so that a second, different choice does not get the first one's receipt
            first_run_id=request.first_run_id,
        )
        published = await self._decisions.publish(draft)
        await self._entries.create(_used(link), b"")  # only now: a crash in between must not lose the decision
        return _receipt_page(await self._decisions.receipt(published, within=_RECEIPT_WITHIN))


def _used(link: Link) -> str:
    return f"link.used.{link.request_id}.{link.approver}.{link.nonce}"


def _receipt_page(receipt: Receipt | None) -> Response:
    if receipt is None:
        return outcome_page("Your decision is stored", "It will be verified when the orchestrator is running again.")
    headline = "Your decision was accepted" if receipt.accepted else "Your decision was refused"
    reason = receipt.reason[:1].upper() + receipt.reason[1:]
    return outcome_page(headline, f"{reason.rstrip('.')}.")
