"""What is known of a run's approval requests: votes, receipts and notices."""

from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Final

from perdure.bus.envelope import MESSAGE_ID, header, header_value
from perdure.bus.views.request_record import RequestRecord, request_records
from perdure.bus.views.request_votes import votes_on
from perdure.bus.views.snapshots.sources import AskedSources, cited
from perdure.contracts import (
    AboutRequest,
    ApprovalDecided,
    ApprovalExpired,
    Notification,
    Receipt,
    from_token,
    to_token,
)
from perdure.explain import Cited, FactSnapshot, RequestFacts

__all__ = ["people_of", "receipts_of"]

_SEARCHED: Final = 2_048  # messages of NOTIFICATIONS after a request
_MOST: Final = 50  # requests, the newest


async def people_of(
    sources: AskedSources, snapshot: FactSnapshot, workflow_id: str, *, only: str | None = None
) -> FactSnapshot:
    """Return a snapshot with the approval requests of a run, their receipts and notices.

    Args:
        sources: Who is asked.
        snapshot: What is known already.
        workflow_id: The run.
        only: The id of the only request that counts; None for all.
    """
    records = await sources.ask("APPROVALS", request_records(sources.bus, workflow_id, votes=False), [])
    records = [it for it in records if only in {None, it.request.request_id}][-_MOST:]
    if not records:
        return snapshot
    stored = await sources.messages("APPROVALS", f"approvals.*.*.{to_token(workflow_id)}")
    messages = [it for message in stored if (it := cited(message, AboutRequest)) is not None]
    votes = [await sources.ask("DECISIONS", votes_on(sources.bus, it.request), []) for it in records]
    is_open = any(it.state == "open" for it in records)
    if is_open and not sources.is_record and not await sources.is_consumed("APPROVALS", "notifier"):
        sources.silent.add("notifier")
    records = [it.model_copy(update={"votes": tuple(cast)}) for it, cast in zip(records, votes, strict=True)]
    names = {it.request.request_id for it in records}
    about = {it.message.message_id for it in messages if it.message.request_id in names}
    since = min(it.request.opened_at for it in records)
    receipts = [receipt for name in sorted(names) for receipt in await receipts_of(sources, name)]
    notices = await sources.ask("NOTIFICATIONS", _notices(sources, about, since), [])
    if is_open and not sources.is_record and not any(it.message.outcome == "sent" for it in notices):
        notices += await sources.ask("NOTICES", _failures(sources, about), [])
    return replace(
        snapshot,
        requests=(*snapshot.requests, *(_facts(it, messages) for it in records)),
        receipts=(*snapshot.receipts, *receipts),
        notices=tuple(dict.fromkeys((*snapshot.notices, *notices))),
    )


async def receipts_of(sources: AskedSources, request_id: str) -> list[Cited[Receipt]]:
    """Return the receipts of the decisions on a request, in order."""
    subject = f"receipts.{to_token(request_id)}"
    if await sources.newest("RECEIPTS", subject) is None:
        return []
    stored = await sources.messages("RECEIPTS", subject)
    return [it for message in stored if (it := cited(message, Receipt)) is not None]


def _facts(record: RequestRecord, messages: Iterable[Cited[AboutRequest]]) -> RequestFacts:
    request = record.request
    places = {it.message.message_id: it.place for it in messages}
    settled = [
        it.place
        for it in messages
        if isinstance(it.message, ApprovalDecided | ApprovalExpired)
        and (it.message.run_id, it.message.request_id) == (request.run_id, request.request_id)
    ]
    return RequestFacts(
        request=Cited(request, places[request.message_id]),
        current_policy=record.current_policy,
        state=record.state,
        votes=tuple((vote.approver, vote.decision) for vote in record.votes),
        settled=settled[0] if settled else None,
        settled_by=record.settled_by,
        reason=record.reason,
    )


async def _notices(sources: AskedSources, about: set[str], since: datetime) -> list[Cited[Notification]]:
    oldest = await sources.bus.first_since("notifications.>", since)
    if oldest is None:
        return []
    found = []
    last = oldest.sequence + _SEARCHED
    async with aclosing(sources.bus.read_range("notifications.>", first=oldest.sequence, last=last)) as stored:
        async for message in stored:
            notice = cited(message, Notification)
            if notice is not None and notice.message.about in about:
                found.append(notice)
    return found


async def _failures(sources: AskedSources, about: set[str]) -> list[Cited[Notification]]:
    """Return what the channels failed with last in which notices about these messages wait, behind others or not."""
    bus, channels = sources.bus, set[str]()
    first = await bus.first("notices.>")
    if first is not None:
        last = first.sequence + _SEARCHED
        async with aclosing(bus.read_range("notices.>", first=first.sequence, last=last, bodies=False)) as waiting:
            async for message in waiting:
                token = message.raw.subject.split(".")[1]
                ids = {header_value(f"{from_token(token)}.{it}") for it in about}
                if header(message.raw.headers, MESSAGE_ID) in ids:
                    channels.add(token)
    newest = [cited(await bus.last(f"notifications.{it}"), Notification) for it in sorted(channels)]
    return [it for it in newest if it is not None and it.message.outcome in {"retried", "failed"}]
