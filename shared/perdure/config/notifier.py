"""What an operator says in ``perdure.yaml`` of how people are told, and where they answer."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, PositiveInt, model_validator

from perdure.contracts import Severity
from perdure.values.duration import Duration
from perdure.values.nearest import nearest
from perdure.values.rate import Rate
from perdure.values.window import Window

__all__ = [
    "AppriseSettings",
    "ChannelSettings",
    "EmailSettings",
    "NotificationSettings",
    "RoutingRule",
    "SlackSettings",
    "TerminalSettings",
    "WebhookSettings",
]

_SEVERITIES: Final[tuple[Severity, ...]] = ("low", "normal", "high", "critical")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TerminalSettings(_Section):
    """Standard output: for the one who runs the suite in a terminal, and for log collectors."""


class SlackSettings(_Section):
    """A channel of Slack's, by an app of your own with the scope ``chat:write``.

    Attributes:
        channel: Its id, such as ``C012AB3CD``.
        token_file: Holds the app's bot token; the token itself is never configured.
        token_variable: Or the name of the notifier's variable that holds it.
        signing_secret_file: Holds the app's signing secret, by which Slack is known when it says who clicked what.
        signing_secret_variable: Or the name of the variable that holds it. Without either, messages have no buttons.
        base_url: Where Slack's Web API is.
    """

    channel: str
    token_file: Path | None = None
    token_variable: str = "SLACK_BOT_TOKEN"  # noqa: S105 (the name of a variable)
    signing_secret_file: Path | None = None
    signing_secret_variable: str | None = None
    base_url: str = "https://slack.com/api/"

    @property
    def answers(self) -> bool:
        """Whether people may answer there."""
        return self.signing_secret_file is not None or self.signing_secret_variable is not None


class WebhookSettings(_Section):
    """A URL that is posted to, signed as Standard Webhooks says.

    Attributes:
        url: Where to.
        secret_file: Holds the secret, ``whsec_…``, that both sides sign with.
        secret_variable: Or the name of the notifier's variable that holds it. Without either, nothing is signed.
        answers: Whether who knows the secret may post decisions, on behalf of any approver.
    """

    url: HttpUrl
    secret_file: Path | None = None
    secret_variable: str | None = None
    answers: bool = False

    @model_validator(mode="after")
    def _answers_are_signed(self) -> Self:
        if self.answers and self.secret_file is None and self.secret_variable is None:
            raise ValueError("answers must be signed: set secret_variable or secret_file")
        return self


class EmailSettings(_Section):
    """Mail to those who are asked, at the addresses of the approvers file; each gets a link to answer by.

    Attributes:
        host: The SMTP server.
        tls: ``starttls`` on the usual port 587, ``implicit`` on 465, or ``none``.
        sender: As whom to write.
        also_to: Addresses that are told too, without a link.
        username: To log in with, if the server asks.
        password_file: Holds the password; the password itself is never configured.
        password_variable: Or the name of the notifier's variable that holds it.
    """

    host: str
    port: PositiveInt | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    sender: str
    also_to: tuple[str, ...] = ()
    username: str | None = None
    password_file: Path | None = None
    password_variable: str | None = None


class AppriseSettings(_Section):
    """Whatever apprise reaches: pagers, chats, phones. People are told there, and answer elsewhere.

    Attributes:
        urls_file: Holds apprise URLs, one a line; they hold credentials, and so are never configured.
        urls_variable: Or the name of the notifier's variable that holds them, with spaces between.
    """

    urls_file: Path | None = None
    urls_variable: str | None = None

    @model_validator(mode="after")
    def _has_urls(self) -> Self:
        if self.urls_file is None and self.urls_variable is None:
            raise ValueError("set urls_variable or urls_file")
        return self


class ChannelSettings(_Section):
    """One way to reach people: one of the five kinds, and how it is to be used.

    Attributes:
        quiet: When nobody is told anything but what is critical; it waits.
        digest: For how long notices are gathered and then told together, all but critical ones.
        rate: So many at most.
        give_up_after: Since the channel first failed to take a notice; then it is a dead letter, and others are told.
    """

    terminal: TerminalSettings | None = None
    slack: SlackSettings | None = None
    webhook: WebhookSettings | None = None
    email: EmailSettings | None = None
    apprise: AppriseSettings | None = None
    quiet: Window | None = None
    digest: Duration | None = None
    rate: Rate | None = None
    give_up_after: Duration = Field(default="15m", validate_default=True)

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        kinds = ("terminal", "slack", "webhook", "email", "apprise")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"a channel is one of {', '.join(kinds)}, such as `terminal: {{}}`")
        return self


class RoutingRule(_Section):
    """Who hears what: all that is said must fit.

    Attributes:
        workflows: Patterns (``Pay*``) of the workflows that ask.
        severities: How severe.
        roles: Of those who are asked, at least one of these.
        hours: When it is said.
        channels: Who hears it.
    """

    workflows: tuple[str, ...] = ("*",)
    severities: tuple[Severity, ...] = _SEVERITIES
    roles: tuple[str, ...] = ()
    hours: Window | None = None
    channels: Annotated[tuple[str, ...], Field(min_length=1)]

    def names(self, workflow: str) -> bool:
        """Tell whether a workflow is one of those meant."""
        return any(fnmatchcase(workflow, pattern) for pattern in self.workflows)


_TERMINAL: Final = {"terminal": ChannelSettings(terminal=TerminalSettings())}


class NotificationSettings(_Section):
    """How people are told.

    Attributes:
        channels: The ways to reach people, by names of your own; where there are none, the terminal.
        routing: Every rule that fits adds its channels; what no rule fits, every channel hears.
        fallback: Who is told what another channel gave up; by default all others.
        url: Where people's browsers, Slack and webhooks reach the notifier's ``/slack``, ``/decisions`` and
            ``/answer``; mails have links only if it is set.
        key_file: The private key with which the notifier signs for people whom it knows otherwise, by default
            ``notifier.pem`` in the state folder; the approvers file must know it as a proxy.
    """

    channels: dict[str, ChannelSettings] = {}
    routing: tuple[RoutingRule, ...] = ()
    fallback: tuple[str, ...] = ()
    url: HttpUrl | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _names_channels(self) -> Self:
        for name in (*self.fallback, *(name for rule in self.routing for name in rule.channels)):
            if name not in self.ways:
                raise ValueError(f"there is no channel {name}{nearest(name, self.ways)}")
        return self

    @property
    def ways(self) -> dict[str, ChannelSettings]:
        """``channels``, or their default."""
        return self.channels or _TERMINAL

    @property
    def takes_answers(self) -> bool:
        """Whether people may answer on any channel, so that the notifier signs for them."""
        return any(
            bool(channel.slack and channel.slack.answers)
            or bool(channel.webhook and channel.webhook.answers)
            or bool(channel.email and self.url)
            for channel in self.channels.values()
        )
