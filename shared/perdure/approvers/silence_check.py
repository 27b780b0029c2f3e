"""Finds policies that approve by silence although no channel asks anybody."""

from collections.abc import Iterator, Mapping

from perdure.approvers.directory import Directory
from perdure.config.channels import ChannelSettings
from perdure.config.notifier import NotificationSettings
from perdure.contracts import Policy

__all__ = ["silence_problems"]

_ANY_WORKFLOW = "*"


def silence_problems(policies: Mapping[str, Policy], known: Directory, notifier: NotificationSettings) -> Iterator[str]:
    """Yield a sentence for each policy whose ``silence`` approves while no channel can reach a person.

    Args:
        policies: The section ``approvals.policies``.
        known: The approvers file; channels by mail reach those with an address.
        notifier: The section ``notifier``.
    """
    for workflow, policy in policies.items():
        if policy.silence == "approve" and not any(
            _reaches_people(channel, known) for channel in _channels(workflow, notifier)
        ):
            yield (
                f"approvals.policies.{workflow}: silence: approve, and no channel asks anybody: the terminal is a log. "
                "Add a channel to `notifier.channels` (Slack, mail, a webhook or apprise), or write `silence: reject`."
            )


def _channels(workflow: str, notifier: NotificationSettings) -> Iterator[ChannelSettings]:
    """Yield the channels that get the requests of a workflow; which rules match may depend on the request."""
    matching = [rule for rule in notifier.routing if workflow == _ANY_WORKFLOW or rule.matches_workflow(workflow)]
    names = {name for rule in matching for name in rule.channels} or set(notifier.effective_channels)
    yield from (notifier.effective_channels[name] for name in sorted(names))


def _reaches_people(channel: ChannelSettings, known: Directory) -> bool:
    if channel.email is not None:
        return bool(channel.email.also_to) or any(approver.email for approver in known.approvers.values())
    return channel.terminal is None
