"""Text for terminals about approval requests and their outcomes."""

from collections.abc import Sequence

from pydantic import JsonValue
from rich.text import Text

from perdure.cli.output import local_day
from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Message,
    Policy,
)
from perdure.values.duration import duration_text
from perdure.values.printable import as_text, one_line

__all__ = ["approvers_text", "deadline_text", "facts_of", "line"]


def line(message: Message) -> Text | None:
    """Return the line about a message of an approval request; None for other messages."""
    match message:
        case ApprovalRequested():
            parts = "?", "yellow", message.title
        case ApprovalReminded():
            parts = "?", "yellow", f"still waits, reminder {message.count}"
        case ApprovalEscalated():
            parts = "!", "yellow", f"escalated to: {', '.join(message.to)}"
        case ApprovalDecided(decision="approve"):
            parts = "✓", "green", f"approved by {message.approver}  {message.comment}"
        case ApprovalDecided():
            parts = "✗", "red", f"rejected by {message.approver}  {message.comment}"
        case ApprovalExpired():
            parts = "■", "red", message.reason
        case _:
            return None
    sign, colour, what = parts
    return Text.assemble((sign, colour), f" {one_line(f'{message.request_id}  {what}')}")


def facts_of(request: ApprovalRequested) -> list[tuple[str, str]]:
    """Name all that a reviewer needs to see."""
    facts = [
        ("request", one_line(request.request_id)),
        ("title", one_line(request.title)),
        ("run", one_line(f"{request.workflow_id} ({request.workflow})")),
        ("severity", request.severity),
        ("requester", one_line(request.requester or "")),
        ("behalf of", one_line(request.on_behalf_of or "")),
        ("details", _shown(request.details)),
        ("action", _shown(request.action)),
        ("approvers", approvers_text(request.policy)),
        *_policy_facts(request.policy),
        ("until", deadline_text(request)),
        ("digest", request.digest),
    ]
    return [(name, value) for name, value in facts if value]


def _policy_facts(policy: Policy) -> list[tuple[str, str]]:
    """Name the rules of a policy beside who may vote; empty texts for those that it does not have."""
    ladder = (
        f"after {duration_text(step.after)}: {'only ' if step.instead else 'also '}{_names(step.people, step.roles)}"
        for step in policy.rungs
    )
    silence = f"{policy.silence}s the request" if policy.timeout else ""
    return [
        ("rejection", f"{policy.rejections} rejections reject" if policy.rejections > 1 else ""),
        ("veto", f"one rejection by {_names((), policy.veto_roles)} rejects" if policy.veto_roles else ""),
        ("reminder", f"every {duration_text(policy.remind_every)}" if policy.remind_every else ""),
        ("escalation", "; ".join(ladder)),
        ("silence", silence),
        ("excluded", ", ".join(policy.excluded)),
        ("proxies", _proxies_text(policy)),
    ]


def _proxies_text(policy: Policy) -> str:
    if not policy.proxies:
        return "no: each person signs with their own key"
    return "each person that one signs for counts" if policy.distinct_people else ""


def approvers_text(policy: Policy) -> str:
    """Return who may vote, and the quorums."""
    quorum = f"{policy.quorum} of {_names(policy.people, policy.voting_roles) or 'all approvers'}"
    return ", and ".join([quorum, *(f"{count} of role {role}" for role, count in policy.role_quorums.items())])


def deadline_text(request: ApprovalRequested) -> str:
    """Return until when a decision counts."""
    return local_day(request.expires_at) if request.expires_at else "no end"


def _names(people: Sequence[str], roles: Sequence[str]) -> str:
    return ", ".join([*people, *(f"role {role}" for role in roles)])


def _shown(value: JsonValue) -> str:
    return "" if value is None else as_text(value)
