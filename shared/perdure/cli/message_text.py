"""One line about any message of the bus: who did what."""

from perdure.bus import RawMessage, decode
from perdure.bus.content import Content
from perdure.cli.admin_text import describe_act
from perdure.cli.approvals.text import line
from perdure.contracts import (
    Alert,
    ApproverChanged,
    ApproversFileRead,
    BackfillRan,
    CancelWorkflow,
    CheckpointSigned,
    DeadLetter,
    DeadLetterSettled,
    Decision,
    Erasure,
    EventVerdict,
    KeyOffered,
    Message,
    Notification,
    PauseChanged,
    PoliciesRead,
    Progress,
    Receipt,
    RunActed,
    ScheduleChanged,
    SignalWorkflow,
    StartWorkflow,
    ValuesDecrypted,
    VersionChanged,
)
from perdure.errors import InvalidMessage
from perdure.values.printable import as_text, one_line

__all__ = ["describe"]

_LONGEST = 120  # characters of a body that is no message of Perdure's


def describe(raw: RawMessage) -> str:
    """Return what a recorded message says, in one line."""
    try:
        message = decode(raw)
    except InvalidMessage:
        return _event(raw)
    approval = line(message)
    return approval.plain if approval else one_line(_describe(message))


def _describe(message: Message) -> str:  # noqa: C901, PLR0911, PLR0912 (one sentence for each kind)
    match message:
        case Progress():
            parts = [message.kind, message.step, Content().opened(message).error]
            return " ".join(part for part in parts if part)
        case Decision():
            return f"{message.approver}: {message.decision} {message.request_id}  {message.comment}".rstrip()
        case Receipt():
            return f"{'accepted' if message.accepted else 'refused'} {message.decision_id}: {message.reason}"
        case StartWorkflow():
            return f"start {message.workflow} {message.workflow_id} for event {_event_of(message)}"
        case SignalWorkflow():
            return f"signal {message.signal} to {message.workflow_id} for event {_event_of(message)}"
        case EventVerdict():
            by_routes = "; ".join(f"{it.sentence}{_of_backfill(it.backfill)}" for it in message.routes)
            return f"{message.event_id}  {by_routes or f'{message.refused}: {message.detail}'}"
        case CheckpointSigned():
            return f"checkpoint of {message.ledger} over {message.size} leaves"
        case CancelWorkflow():
            return f"cancel {message.workflow_id}"
        case DeadLetter():
            return f"{message.reason}: {message.detail}"
        case Notification():
            return f"{message.outcome} by {message.channel}: {message.about}  {message.detail}".rstrip()
        case Alert():
            return f"{message.severity} alert: {message.title}"
        case (
            ApproverChanged()
            | ApproversFileRead()
            | BackfillRan()
            | DeadLetterSettled()
            | Erasure()
            | KeyOffered()
            | PauseChanged()
            | PoliciesRead()
            | RunActed()
            | ScheduleChanged()
            | ValuesDecrypted()
            | VersionChanged()
        ):
            return describe_act(message)
        case _:
            return message.type


def _event_of(command: StartWorkflow | SignalWorkflow) -> str:
    return f"{command.event.id}{_of_backfill(command.event.backfill)}"


def _of_backfill(backfill: str | None) -> str:
    return "" if backfill is None else f" (backfill {backfill})"


def _event(raw: RawMessage) -> str:
    headers = {name.lower(): value for name, value in raw.headers.items()}
    event_id = headers.get("ce-id") or headers.get("nats-msg-id")
    source = headers.get("ce-source")
    body = as_text(raw.body.decode(errors="replace"))[:_LONGEST]
    return one_line("  ".join(part for part in (event_id, f"from {source}" if source else None, body) if part))
