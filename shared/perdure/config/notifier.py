"""The settings of the notifier in ``perdure.yaml``: channels, routing, and where decisions are accepted."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

from perdure.config.channels import ChannelSettings, TerminalSettings
from perdure.contracts import Severity
from perdure.values.nearest import nearest
from perdure.values.window import Window

__all__ = ["NotificationSettings", "RoutingRule"]

_SEVERITIES: Final[tuple[Severity, ...]] = ("low", "normal", "high", "critical")
_DEFAULT_CHANNELS: Final = {"terminal": ChannelSettings(terminal=TerminalSettings())}


class RoutingRule(BaseModel):
    """Sends matching notices to some channels. A rule matches if all of its conditions hold.

    Attributes:
        workflows: Patterns (``Pay*``) for the workflow of the request or alert.
        severities: The severities that match.
        roles: Roles of which the request or alert must address at least one; without any, all match.
        hours: The hours in which the rule applies.
        channels: Where matching notices are sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflows: tuple[str, ...] = ("*",)
    severities: tuple[Severity, ...] = _SEVERITIES
    roles: tuple[str, ...] = ()
    hours: Window | None = None
    channels: Annotated[tuple[str, ...], Field(min_length=1)]

    def matches_workflow(self, workflow: str) -> bool:
        """Return whether a workflow's name matches one of the patterns."""
        return any(fnmatchcase(workflow, pattern) for pattern in self.workflows)


class NotificationSettings(BaseModel):
    """How people are notified, and how they decide.

    Attributes:
        channels: The channels by name; by default the terminal.
        routing: Every matching rule adds its channels. A notice that matches no rule goes to all channels.
        fallback: The channels that get notices which another channel gave up; by default all others.
        url: The public URL of the notifier's ``/slack``, ``/decisions`` and ``/answer``. Without it, mails have no
            links.
        key_file: The private key with which the notifier signs decisions for people, by default ``notifier.pem`` in
            the state folder. The approvers file must list its public key as a proxy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: dict[str, ChannelSettings] = {}
    routing: tuple[RoutingRule, ...] = ()
    fallback: tuple[str, ...] = ()
    url: HttpUrl | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _names_channels(self) -> Self:
        for name in (*self.fallback, *(name for rule in self.routing for name in rule.channels)):
            if name not in self.effective_channels:
                raise ValueError(f"there is no channel {name}{nearest(name, self.effective_channels)}")
        return self

    @property
    def effective_channels(self) -> dict[str, ChannelSettings]:
        """``channels``, or the terminal if there are none."""
        return self.channels or _DEFAULT_CHANNELS

    @property
    def accepts_decisions(self) -> bool:
        """Whether people can decide on any channel, so that the notifier needs a key to sign for them."""
        return any(
            bool(channel.slack and channel.slack.accepts_decisions)
            or bool(channel.webhook and channel.webhook.answers)
            or bool(channel.email and self.url)
            for channel in self.channels.values()
        )
