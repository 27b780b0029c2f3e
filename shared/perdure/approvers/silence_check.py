"""Finds policies that approve by silence although no channel asks those who could object."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from perdure.approvers.directory import Directory
from perdure.approvers.eligibility import is_asked
from perdure.config.channels import ChannelSettings
from perdure.config.notifier import NotificationSettings
from perdure.contracts import Escalation, Policy

__all__ = ["silence_problem", "silence_problems"]

_ANY_WORKFLOW = "*"


def silence_problems(
    policies: Mapping[str, Policy], known: Directory, notifier: NotificationSettings, now: datetime
) -> Iterator[str]:
    """Yield a sentence for each policy whose ``silence`` approves while no channel asks those who may vote.

    Args:
        policies: The section ``approvals.policies``.
        known: The approvers file; a channel by mail asks those who have an address.
        notifier: The section ``notifier``.
        now: The current time (UTC); it decides which delegations hold.
    """
    for workflow, policy in policies.items():
        if problem := silence_problem(workflow, policy, known, notifier, now):
            yield f"approvals.policies.{workflow}: {problem}"


def silence_problem(
    workflow: str, policy: Policy, known: Directory, notifier: NotificationSettings, now: datetime
) -> str | None:
    """Return why nobody is asked before silence approves; None if it does not approve, or somebody is.

    Those to whom an escalation ``instead`` passes the vote must be asked too: the others can no longer object.
    """
    if policy.silence != "approve":
        return None
    for stage, rung in _stages(policy):
        channels = list(_channels(workflow, stage, rung, notifier))
        if any(_asks_somebody(channel, stage, known, now) for channel in channels):
            continue
        when = f", after {rung.after}" if rung else ""
        if all(channel.terminal is not None for channel in channels):
            return (
                f"silence: approve{when}, and no channel asks anybody: the terminal is a log. Add a channel to "
                "`notifier.channels` (Slack, mail, a webhook or apprise), or write `silence: reject`."
            )
        return (
            f"silence: approve{when}, and no channel asks those who may vote: none of them has an address. Give them "
            "an `email` in the approvers file, or write `silence: reject`."
        )
    return None


def _stages(policy: Policy) -> Iterator[tuple[Policy, Escalation | None]]:
    """Yield the policy as opened, and as each escalation leaves it that passes the vote to others."""
    yield policy, None
    for rung in policy.rungs:
        if rung.instead and (policy.timeout is None or rung.after < policy.timeout):
            yield policy.model_copy(update={"people": rung.people, "roles": rung.roles, "veto_roles": ()}), rung


def _channels(
    workflow: str, stage: Policy, rung: Escalation | None, notifier: NotificationSettings
) -> Iterator[ChannelSettings]:
    """Yield the channels that get the requests of a workflow; which rules match may also depend on the request."""
    addressed = {*stage.voting_roles, *stage.veto_roles, *(rung.people if rung else ())}
    matching = [
        rule
        for rule in notifier.routing
        if (workflow == _ANY_WORKFLOW or rule.matches_workflow(workflow)) and _addresses(rule.roles, addressed)
    ]
    names = {name for rule in matching for name in rule.channels} or set(notifier.effective_channels)
    yield from (notifier.effective_channels[name] for name in sorted(names))


def _addresses(roles: Collection[str], addressed: Collection[str]) -> bool:
    return not roles or bool(set(roles) & set(addressed))


def _asks_somebody(channel: ChannelSettings, stage: Policy, known: Directory, now: datetime) -> bool:
    if channel.email is not None:
        asked = (it for name, it in known.approvers.items() if is_asked(known, name, stage, now))
        return bool(channel.email.also_to) or any(approver.email for approver in asked)
    return channel.terminal is None
