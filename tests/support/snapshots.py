"""Snapshots to explain: one event on one route, its run, its requests."""

from datetime import UTC, datetime
from typing import Any

from perdure.contracts import (
    ApprovalRequested,
    DeadLetter,
    DeadLetterSettled,
    Decision,
    EventReference,
    EventVerdict,
    Notification,
    PauseChanged,
    Policy,
    Progress,
    ProgressKind,
    Receipt,
    ReceiptCode,
    RouteVerdict,
    SignalWorkflow,
    StartWorkflow,
    VerdictKind,
)
from perdure.contracts.outcomes import EventOutcome, EventState, RefusedEvent
from perdure.contracts.runs import PendingStep, RunDescription, StuckRun
from perdure.explain import Cited, EventFacts, FactSnapshot, RequestFacts, RunFacts

__all__ = [
    "NOW",
    "RUN",
    "act",
    "dead_letter",
    "decided",
    "described",
    "event",
    "judged",
    "notice",
    "of_event",
    "of_request",
    "of_run",
    "pause",
    "ran",
    "receipt",
    "refused_event",
    "request",
    "start",
    "stuck",
]

RUN = "R~42"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
REQUEST = f"{RUN}.1"


def event(state: EventState = "accepted", **outcome: Any) -> EventFacts:
    known = EventOutcome(id="42", state=state, stream_sequence=7, **outcome)
    return EventFacts("42", "word.sent", "EVENTS:7", known)


def refused_event(reason: Any) -> EventFacts:
    refused = RefusedEvent(number=3, service="ingest", reason=reason, detail="data.price is missing")
    return event("dead_letter", refused=refused)


def judged(verdict: VerdictKind, *, route: str = "R", change: bool = False, **fields: Any) -> Cited[EventVerdict]:
    word = RouteVerdict(route=route, verdict=verdict, **fields)
    return Cited(_verdict((word,), change=change), "VERDICTS:8")


def _verdict(routes: tuple[RouteVerdict, ...], **fields: Any) -> EventVerdict:
    rules = "b" * 64
    return EventVerdict(event_id="42", event_type="word.sent", stream_sequence=7, rules=rules, routes=routes, **fields)


def of_event(*verdicts: Cited[EventVerdict], facts: EventFacts | None = None, **fields: Any) -> FactSnapshot:
    return FactSnapshot("42", "event", event=facts or event(), verdicts=verdicts, **fields)


def fact(kind: ProgressKind, sequence: int = 1, **fields: Any) -> Progress:
    return Progress(
        workflow="W", workflow_id=RUN, run_id="r1", sequence=sequence, kind=kind, event_id="42", at=NOW, **fields
    )


def ran(kind: ProgressKind | None, description: RunDescription | None = None, **fields: Any) -> RunFacts:
    of_fact = {name: fields.pop(name) for name in ("result", "error", "step") if name in fields}
    if kind is None:
        return RunFacts(RUN, description=description, **fields)
    first, last = Cited(fact("started"), "PROGRESS:10"), Cited(fact(kind, 2, **of_fact), "PROGRESS:11")
    return RunFacts(RUN, first, last, description, **fields)


def described(*, failure: str | None = None, activity: str = "call_tool", **fields: Any) -> RunDescription:
    pending = (PendingStep(activity=activity, attempt=4, last_failure=failure),) if failure else ()
    return RunDescription(**{"workflow_id": RUN, "status": "RUNNING", "pending": pending, **fields})


def stuck() -> Cited[StuckRun]:
    error = "KeyError: 'name' (greetings.py:21)"
    return Cited(StuckRun(workflow="W", workflow_id=RUN, run_id="r1", error=error, since=NOW), "STUCK:1")


def of_run(run: RunFacts, **fields: Any) -> FactSnapshot:
    return FactSnapshot(RUN, "run", runs=(run,), **fields)


def request(votes: tuple[tuple[str, str], ...] = (), **fields: Any) -> RequestFacts:
    asks = ApprovalRequested(
        workflow="W",
        workflow_id=RUN,
        run_id="r1",
        request_id=REQUEST,
        title="Send it",
        policy=Policy(people=("ada", "bob"), quorum=2),
        digest="c" * 64,
        opened_at=NOW,
        expires_at=NOW.replace(hour=18),
    )
    return RequestFacts(Cited(asks, "APPROVALS:5"), asks.policy, votes=votes, **fields)


def of_request(facts: RequestFacts, **fields: Any) -> FactSnapshot:
    return FactSnapshot(REQUEST, "request", requests=(facts,), **fields)


def receipt(code: ReceiptCode, reason: str = "because") -> Cited[Receipt]:
    decision_id = f"{REQUEST}.ada.n1"
    accepted = code == "accepted"
    found = Receipt(request_id=REQUEST, decision_id=decision_id, accepted=accepted, code=code, reason=reason)
    return Cited(found, "RECEIPTS:6")


def decided(*receipts: Cited[Receipt], **fields: Any) -> FactSnapshot:
    vote = Decision(
        workflow_id=RUN, request_id=REQUEST, decision="approve", approver="ada", digest="c" * 64, nonce="n1"
    )
    return FactSnapshot(vote.message_id, "decision", decision=Cited(vote, "DECISIONS:4"), receipts=receipts, **fields)


def notice(outcome: Any, detail: str = "") -> Cited[Notification]:
    about = request().request.message.message_id
    sent = Notification(channel="mail", about=about, workflow_id=RUN, outcome=outcome, detail=detail, sent_at=NOW)
    return Cited(sent, "NOTIFICATIONS:9")


def pause() -> Cited[PauseChanged]:
    changed = PauseChanged(what="suite", act="paused", reason="the bank reports doubles", by="ada", at=NOW)
    return Cited(changed, "ADMIN:4")


def dead_letter(**fields: Any) -> Cited[DeadLetter]:
    found = DeadLetter(
        service="ingest",
        reason="bad_data",
        detail="data.price is missing",
        original_subject="events.word.sent",
        stream="EVENTS",
        stream_sequence=7,
        at=NOW,
        **fields,
    )
    return Cited(found, "DLQ:3")


def act(done: Any) -> Cited[DeadLetterSettled]:
    settled = DeadLetterSettled(
        act=done,
        number=3,
        service="ingest",
        reason="bad_data",
        original_subject="events.word.sent",
        stream="EVENTS",
        stream_sequence=7,
        by="ops",
        at=NOW,
    )
    return Cited(settled, "ADMIN:2")


def start() -> Cited[StartWorkflow | SignalWorkflow]:
    reference = EventReference(id="42", type="word.sent", source="test", stream_sequence=7)
    return Cited(
        StartWorkflow(route="R", event=reference, workflow="W", workflow_id=RUN, digest="d" * 64), "COMMANDS:9"
    )
