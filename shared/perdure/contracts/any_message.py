"""The union of all messages that Perdure defines, discriminated by ``type``."""

from typing import Annotated

from pydantic import Field

from perdure.contracts.admin import (
    ApproverChanged,
    ApproversFileRead,
    BackfillRan,
    DeadLetterSettled,
    PoliciesRead,
    VersionChanged,
)
from perdure.contracts.alerts import Alert
from perdure.contracts.approvals import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
)
from perdure.contracts.checkpoints import CheckpointSigned
from perdure.contracts.commands import CancelWorkflow, SignalWorkflow, StartWorkflow
from perdure.contracts.dead_letters import DeadLetter
from perdure.contracts.decisions import Decision
from perdure.contracts.decryptions import ValuesDecrypted
from perdure.contracts.enrolments import KeyOffered
from perdure.contracts.erasures import Erasure
from perdure.contracts.notifications import Notification
from perdure.contracts.pauses import PauseChanged
from perdure.contracts.progress import Progress
from perdure.contracts.receipts import Receipt
from perdure.contracts.run_acts import RunActed
from perdure.contracts.schedule_changes import ScheduleChanged
from perdure.contracts.verdicts import EventVerdict

__all__ = ["AnyMessage"]

AnyMessage = Annotated[
    Alert
    | ApprovalDecided
    | ApprovalEscalated
    | ApprovalExpired
    | ApprovalReminded
    | ApprovalRequested
    | ApproverChanged
    | ApproversFileRead
    | BackfillRan
    | CancelWorkflow
    | CheckpointSigned
    | DeadLetter
    | DeadLetterSettled
    | Decision
    | Erasure
    | KeyOffered
    | Notification
    | PauseChanged
    | PoliciesRead
    | Progress
    | Receipt
    | RunActed
    | ScheduleChanged
    | SignalWorkflow
    | StartWorkflow
    | EventVerdict
    | ValuesDecrypted
    | VersionChanged,
    Field(discriminator="type"),
]
