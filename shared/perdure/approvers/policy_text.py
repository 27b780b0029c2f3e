"""Words for people about who may vote on a request, and what happens without them."""

from collections.abc import Sequence

from perdure.contracts import Policy
from perdure.values.duration import duration_text

__all__ = ["approvers_text", "policy_facts"]


def policy_facts(policy: Policy) -> list[tuple[str, str]]:
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


def _names(people: Sequence[str], roles: Sequence[str]) -> str:
    return ", ".join([*people, *(f"role {role}" for role in roles)])
