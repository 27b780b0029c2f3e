"""Links in mails: looking at one does nothing, a click on it counts once."""

from datetime import UTC, datetime
from typing import Final, Literal, get_args
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from perdure.bus import Bus, KeyValue
from perdure.bus.decision_client import DecisionClient, DecisionDraft
from perdure.bus.views.approval_index import RequestNotOpen, find_request
from perdure.contracts import LONGEST_COMMENT, Receipt
from perdure_notifier.replies.body import read_body
from perdure_notifier.replies.links import BadLink, Link, Links
from perdure_notifier.replies.page import outcome_page, question_page

__all__ = ["LinkReplies"]

_RECEIPT_WITHIN: Final = 10.0  # seconds
_GONE: Final = 410

Choice = Literal["approve", "reject"]


class LinkReplies:
    """The page behind the links, and what its buttons do."""

    def __init__(self, links: Links, *, bus: Bus, speaker: DecisionClient, entries: KeyValue) -> None:
        self._links = links
        self._bus = bus
        self._speaker = speaker
        self._entries = entries

    async def hear(self, request: Request) -> Response:
        """Show the question, or take the answer."""
        try:
            link = self._links.read(request.path_params["token"], datetime.now(UTC))
        except BadLink as error:
            return outcome_page("This link does not work", str(error), status=_GONE)
        if await self._entries.get(_used(link)) is not None:
            return outcome_page("You have answered", "This link was used. It works once.", status=_GONE)
        if request.method != "POST":
            return await self._show(link)
        form = parse_qs((await read_body(request)).decode(errors="replace"))
        return await self._take(link, form.get("decision", [""])[0], form.get("comment", [""])[0].strip())

    async def _show(self, link: Link) -> Response:
        try:
            asked = await find_request(self._bus, link.request_id)
        except RequestNotOpen:
            return outcome_page("Nothing to answer any more", "The request is settled, or its run has ended.")
        return question_page(asked, link.approver)

    async def _take(self, link: Link, chosen: str, comment: str) -> Response:
        said: Choice | None = next((word for word in get_args(Choice) if word == chosen), None)
        if said is None:
            return outcome_page("Nothing was said", "Go back and choose one of the two buttons.", status=400)
        if len(comment) > LONGEST_COMMENT:
            return outcome_page(
                "Nothing was said", f"A comment has at most {LONGEST_COMMENT:,} characters.", status=400
            )
        nonce = f"{link.nonce}.{said}"  # who comes back and chooses the other one is not shown the receipt of the first
        answer = DecisionDraft(
            link.request_id,
            link.digest,
            said,
            link.approver,
            comment=comment,
            nonce=nonce,
            first_run_id=link.first_run_id,
        )
        spoken = await self._speaker.publish(answer)
        await self._entries.create(_used(link), b"")  # after: who dies in between has said one decision, not none
        return _told(await self._speaker.receipt(spoken, within=_RECEIPT_WITHIN))


def _used(link: Link) -> str:
    return f"link.used.{link.request_id}.{link.approver}.{link.nonce}"


def _told(receipt: Receipt | None) -> Response:
    if receipt is None:
        return outcome_page("Your answer is stored", "It will be judged as soon as the orchestrator is back.")
    headline = "Your answer counts" if receipt.accepted else "Your answer does not count"
    reason = receipt.reason[:1].upper() + receipt.reason[1:]
    return outcome_page(headline, f"{reason.rstrip('.')}.")
