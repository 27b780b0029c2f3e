"""Opens the channels of the configuration."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx2
from slack_sdk import WebClient

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import KeyValue
from perdure.config.channels import AppriseSettings, ChannelSettings, EmailSettings, SlackSettings, WebhookSettings
from perdure.config.settings import Settings
from perdure_notifier.channels.channel import Channel
from perdure_notifier.channels.email import EmailChannel
from perdure_notifier.channels.reloaded import ReloadedChannel
from perdure_notifier.channels.secrets import apprise_urls, email_password, slack_token, webhook_secret
from perdure_notifier.channels.slack import SlackChannel
from perdure_notifier.channels.terminal import TerminalChannel
from perdure_notifier.channels.webhook import WebhookChannel
from perdure_notifier.replies.links import Links

__all__ = ["open_channels", "slack_client"]

_TIMEOUT: Final = 10  # seconds


@asynccontextmanager
async def open_channels(
    settings: Settings, *, entries: KeyValue, approvers: ApproversFile, key: SigningKey | None
) -> AsyncIterator[list[Channel]]:
    """Open all configured channels; their HTTP connections close with the block.

    Args:
        settings: The configuration.
        entries: Where channels keep state, such as which message belongs to which request.
        approvers: Names, roles and addresses of people.
        key: The notifier's signing key, for links in mails.

    Raises:
        SetupError: A secret that a channel needs is missing.
    """
    url = settings.notifier.url
    links = Links(key, str(url)) if key is not None and url is not None else None
    async with httpx2.AsyncClient(timeout=_TIMEOUT) as client:
        ports = _ChannelPorts(client, entries, approvers, links, settings.encryption.is_on)
        yield [ports.open(name, channel) for name, channel in settings.notifier.effective_channels.items()]


def slack_client(name: str, settings: SlackSettings) -> WebClient:
    """Return a client without retries of its own, because the channel's sender retries.

    Raises:
        SetupError: The token is missing.
    """
    token = slack_token(name, settings)
    return WebClient(token, base_url=settings.base_url, timeout=_TIMEOUT, retry_handlers=[])


@dataclass(frozen=True, slots=True)
class _ChannelPorts:
    """The ports that channels share."""

    client: httpx2.AsyncClient
    entries: KeyValue
    approvers: ApproversFile
    links: Links | None
    is_encrypted: bool

    def open(self, name: str, settings: ChannelSettings) -> Channel:
        openers: dict[str, Callable[[str, Any], Channel]] = {
            "terminal": lambda name, _: TerminalChannel(name, is_brief=self.is_encrypted),
            "slack": self._slack,
            "webhook": self._webhook,
            "email": self._email,
            "apprise": self._apprise,
        }
        return openers[settings.kind](name, settings.section)

    def _webhook(self, name: str, settings: WebhookSettings) -> Channel:
        return ReloadedChannel(
            name,
            partial(webhook_secret, name, settings),
            lambda secret: WebhookChannel(name, self.client, str(settings.url), secret),
        )

    def _slack(self, name: str, settings: SlackSettings) -> Channel:
        ports: dict[str, Any] = {"entries": self.entries, "approvers": self.approvers}
        return ReloadedChannel(
            name,
            partial(slack_token, name, settings),
            lambda _: SlackChannel(name, slack_client(name, settings), settings, **ports),
        )

    def _email(self, name: str, settings: EmailSettings) -> Channel:
        ports: dict[str, Any] = {"entries": self.entries, "approvers": self.approvers, "links": self.links}
        return ReloadedChannel(
            name,
            partial(email_password, name, settings),
            lambda password: EmailChannel(name, settings, password, **ports),
        )

    def _apprise(self, name: str, settings: AppriseSettings) -> Channel:
        from perdure_notifier.channels.apprise import AppriseChannel  # noqa: PLC0415 (importing apprise takes a second)

        return ReloadedChannel(
            name,
            partial(apprise_urls, name, settings),
            lambda urls: AppriseChannel(name, urls, entries=self.entries),
        )
