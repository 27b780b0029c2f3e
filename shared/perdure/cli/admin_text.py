"""One line about an act of administration."""

from typing import Final

from perdure.contracts import (
    ApproverChanged,
    ApproversFileRead,
    BackfillRan,
    DeadLetterSettled,
    Erasure,
    KeyOffered,
    PauseChanged,
    PoliciesRead,
    RunActed,
    ScheduleChanged,
    ValuesDecrypted,
    VersionChanged,
)

__all__ = ["AdminAct", "describe_act"]

AdminAct = (
    ApproverChanged
    | ApproversFileRead
    | BackfillRan
    | DeadLetterSettled
    | Erasure
    | KeyOffered
    | PauseChanged
    | PoliciesRead
    | RunActed
    | ScheduleChanged
    | ValuesDecrypted
    | VersionChanged
)
"""Any message on ADMIN."""

_DIGITS: Final = 12  # of a digest


def describe_act(act: AdminAct) -> str:  # noqa: C901, PLR0911 (one sentence for each kind)
    """Return who did what to whom, as far as the act names it."""
    match act:
        case ApproverChanged():
            what = [act.act.replace("_", " "), act.key_id, f"to {', '.join(act.delegates)}" if act.delegates else None]
            return f"{act.by}: {act.approver} {' '.join(filter(None, what))}"
        case KeyOffered():
            return f"{act.approver}: offered key {act.key_id}, {act.device or 'of no named device'}"
        case ApproversFileRead():
            return f"approvers file {act.digest[:_DIGITS]}: {', '.join([*act.approvers, *act.proxies]) or 'nobody'}"
        case PoliciesRead():
            return f"policies {act.digest[:_DIGITS]}: {', '.join(act.policies) or 'none'}"
        case DeadLetterSettled():
            return f"{act.by}: {act.act} dead letter {act.number} of {act.service}, {act.reason}"
        case PauseChanged():
            return f"{act.by}: {act.act} the {act.what.replace('/', ' ', 1)}" + (
                f", {act.reason}" if act.reason else ""
            )
        case RunActed():
            return f"{act.workflow_id} {act.sentence}"
        case BackfillRan():
            counts = "".join(f", {count} {fate.replace('_', ' ')}" for fate, count in act.counts.items())
            span = f"{act.since:%Y-%m-%dT%H:%MZ} to {act.until:%Y-%m-%dT%H:%MZ}"
            return f"{act.by}: backfill {act.backfill} of {act.route} {act.act}, {span}{counts}"
        case ScheduleChanged():
            return f"{act.by}: {act.sentence}"
        case Erasure():
            parts = f"{len(act.places)} messages, {len(act.runs)} runs"
            return f"{act.by}: erasure {act.id} {act.act}, {parts}: {act.why}"
        case ValuesDecrypted():
            return f"{act.by}: decrypted {act.values} values of {act.workflow_id} in {act.namespace}"
        case VersionChanged():
            before = "" if act.before is None else f", before {act.before}"
            counts = "".join(f", {n} {what}" for n, what in ((act.moved, "moved"), (act.stays, "stay")) if n)
            return f"{act.by}: {act.act.replace('_', ' ')} {act.build} of {act.deployment}{before}{counts}"
