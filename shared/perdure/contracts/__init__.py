"""The messages on the bus, as frozen pydantic models: pure data, no I/O."""

from perdure.contracts.admin import (
    ApproverChanged,
    ApproversFileRead,
    BackfillRan,
    DeadLetterSettled,
    PoliciesRead,
    VersionChanged,
)
from perdure.contracts.alerts import Alert
from perdure.contracts.any_message import AnyMessage
from perdure.contracts.approvals import (
    AboutRequest,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Severity,
)
from perdure.contracts.checkpoints import CheckpointSigned
from perdure.contracts.commands import (
    CancelWorkflow,
    EventReference,
    RunOptions,
    SignalWorkflow,
    StartWorkflow,
)
from perdure.contracts.dead_letters import DeadLetter, Reason
from perdure.contracts.decisions import LONGEST_COMMENT, Comment, Decision
from perdure.contracts.decryptions import ValuesDecrypted
from perdure.contracts.documents import BatchReport, DocumentReport, DocumentSubmitted
from perdure.contracts.enrolments import KeyOffered
from perdure.contracts.erasures import Erasure
from perdure.contracts.events import Event
from perdure.contracts.former_claim import FormerClaim, former_signal_claim
from perdure.contracts.message import Message, Sha256
from perdure.contracts.notifications import Notification
from perdure.contracts.pauses import PauseChanged
from perdure.contracts.policy import Escalation, Policy, Vote
from perdure.contracts.progress import ENDINGS, Progress, ProgressKind, in_order
from perdure.contracts.receipts import Receipt, ReceiptCode
from perdure.contracts.request_digest import content_digest, request_digest
from perdure.contracts.run_acts import RunActed
from perdure.contracts.schedule_changes import DeclaredSchedule, ScheduleChanged
from perdure.contracts.search_attribute import SearchAttribute
from perdure.contracts.subjects import from_token, read_token, to_pattern, to_token
from perdure.contracts.usage import RunUsage, Usage
from perdure.contracts.verdicts import (
    WITHOUT_RUN,
    EventVerdict,
    Limit,
    OtherEvent,
    RouteVerdict,
    VerdictKind,
    fit_event_id,
    last_words,
    verdict_rank,
    verdict_subject,
)

__all__ = [
    "ENDINGS",
    "LONGEST_COMMENT",
    "WITHOUT_RUN",
    "AboutRequest",
    "Alert",
    "AnyMessage",
    "ApprovalDecided",
    "ApprovalEscalated",
    "ApprovalExpired",
    "ApprovalReminded",
    "ApprovalRequested",
    "ApproverChanged",
    "ApproversFileRead",
    "BackfillRan",
    "BatchReport",
    "CancelWorkflow",
    "CheckpointSigned",
    "Comment",
    "DeadLetter",
    "DeadLetterSettled",
    "Decision",
    "DeclaredSchedule",
    "DocumentReport",
    "DocumentSubmitted",
    "Erasure",
    "Escalation",
    "Event",
    "EventReference",
    "EventVerdict",
    "FormerClaim",
    "KeyOffered",
    "Limit",
    "Message",
    "Notification",
    "OtherEvent",
    "PauseChanged",
    "PoliciesRead",
    "Policy",
    "Progress",
    "ProgressKind",
    "Reason",
    "Receipt",
    "ReceiptCode",
    "RouteVerdict",
    "RunActed",
    "RunOptions",
    "RunUsage",
    "ScheduleChanged",
    "SearchAttribute",
    "Severity",
    "Sha256",
    "SignalWorkflow",
    "StartWorkflow",
    "Usage",
    "ValuesDecrypted",
    "VerdictKind",
    "VersionChanged",
    "Vote",
    "content_digest",
    "fit_event_id",
    "former_signal_claim",
    "from_token",
    "in_order",
    "last_words",
    "read_token",
    "request_digest",
    "to_pattern",
    "to_token",
    "verdict_rank",
    "verdict_subject",
]
