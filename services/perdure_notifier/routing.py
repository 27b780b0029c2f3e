"""Who hears what: a pure function of the configuration, what happened, and when."""

from collections.abc import Iterable
from datetime import datetime

from perdure.config.notifier import NotificationSettings, RoutingRule
from perdure.contracts import Alert
from perdure_notifier.notice import Notice

__all__ = ["channels_for"]


def channels_for(notice: Notice, settings: NotificationSettings, now: datetime) -> tuple[str, ...]:
    """Return the channels of all rules that fit, in the configuration's order; where none fits, all channels."""
    fitting = [rule for rule in settings.routing if _fits(rule, notice, now)]
    named = {name for rule in fitting for name in rule.channels}
    return tuple(name for name in settings.ways if not fitting or name in named)


def _fits(rule: RoutingRule, notice: Notice, now: datetime) -> bool:
    return (
        rule.names(notice.message.workflow)
        and notice.severity in rule.severities
        and (not rule.roles or bool({*rule.roles} & {*_asked(notice)}))
        and (rule.hours is None or rule.hours.next_opening(now) <= now)
    )


def _asked(notice: Notice) -> Iterable[str]:
    if isinstance(notice.message, Alert):
        yield from notice.message.roles
    yield from notice.also_asked
    if notice.request is not None:
        yield from notice.request.policy.roles
        yield from notice.request.policy.veto_roles
