"""Routing of notices to channels: a pure function of the configuration, the notice and the time."""

from collections.abc import Iterable
from datetime import datetime

from perdure.config.notifier import NotificationSettings, RoutingRule
from perdure.contracts import Alert
from perdure_notifier.notice import Notice

__all__ = ["channels_for"]


def channels_for(notice: Notice, settings: NotificationSettings, now: datetime) -> tuple[str, ...]:
    """Return the channels of all matching rules, in the configuration's order; all channels if no rule matches."""
    matching = [rule for rule in settings.routing if _matches(rule, notice, now)]
    named = {name for rule in matching for name in rule.channels}
    return tuple(name for name in settings.effective_channels if not matching or name in named)


def _matches(rule: RoutingRule, notice: Notice, now: datetime) -> bool:
    return (
        rule.matches_workflow(notice.message.workflow)
        and notice.severity in rule.severities
        and (not rule.roles or bool({*rule.roles} & {*_addressed_roles(notice)}))
        and (rule.hours is None or rule.hours.next_opening(now) <= now)
    )


def _addressed_roles(notice: Notice) -> Iterable[str]:
    if isinstance(notice.message, Alert):
        yield from notice.message.roles
    yield from notice.escalated_to
    if notice.request is not None:
        yield from notice.request.policy.voting_roles
        yield from notice.request.policy.veto_roles
