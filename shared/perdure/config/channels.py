"""The settings of notification channels: their kinds, and how each channel is used."""

from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, PositiveInt, model_validator

from perdure.config.secret_command import SecretCommand
from perdure.values.duration import Duration
from perdure.values.rate import Rate
from perdure.values.window import Window

__all__ = [
    "CHANNEL_KINDS",
    "AppriseSettings",
    "ChannelSettings",
    "EmailSettings",
    "SlackSettings",
    "TerminalSettings",
    "WebhookSettings",
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TerminalSettings(_Section):
    """The notifier's standard output, for a developer's terminal and for log collectors."""


class SlackSettings(_Section):
    """A Slack channel, used through an app of your own with the scope ``chat:write``.

    Attributes:
        channel: The id of the channel, such as ``C012AB3CD``.
        token_file: A file with the app's bot token; the token itself is never configured.
        token_command: Or a program that prints it, with its arguments.
        token_variable: The notifier's environment variable with the bot token, used without the other two.
        signing_secret_file: A file with the app's signing secret, which verifies that clicks come from Slack.
        signing_secret_command: Or a program that prints it, with its arguments.
        signing_secret_variable: The environment variable with the signing secret. Without a signing secret, messages
            have no buttons.
        team_id: The id of your workspace, such as ``T012AB3CD``: only its members' clicks are decisions. Required with
            a signing secret.
        base_url: The URL of Slack's Web API.
        hooks_url: The URL below which Slack takes results of clicks. Nothing is posted anywhere else.
    """

    channel: str
    token_file: Path | None = None
    token_command: SecretCommand | None = None
    token_variable: str = "SLACK_BOT_TOKEN"  # noqa: S105 (the name of a variable)
    signing_secret_file: Path | None = None
    signing_secret_command: SecretCommand | None = None
    signing_secret_variable: str | None = None
    team_id: str | None = None
    base_url: str = "https://slack.com/api/"
    hooks_url: str = "https://hooks.slack.com/"

    @model_validator(mode="after")
    def _decisions_are_of_one_workspace(self) -> Self:
        if self.accepts_decisions and not self.team_id:
            raise ValueError(
                "buttons need the id of your workspace: add `team_id: T…`. "
                "Slack in a browser shows it: https://app.slack.com/client/T…/"
            )
        return self

    @property
    def accepts_decisions(self) -> bool:
        """Whether people can decide in this channel."""
        sources = (self.signing_secret_file, self.signing_secret_command, self.signing_secret_variable)
        return any(source is not None for source in sources)


class WebhookSettings(_Section):
    """A URL to post notices to, signed by the Standard Webhooks specification.

    Attributes:
        url: Where to post.
        secret_file: A file with the shared secret, ``whsec_`` and base64 of at least 24 bytes.
        secret_command: Or a program that prints it, with its arguments.
        secret_variable: The notifier's environment variable with the secret. Without a secret, nothing is signed.
        answers: Whether holders of the secret may post decisions on behalf of any approver.
    """

    url: HttpUrl
    secret_file: Path | None = None
    secret_command: SecretCommand | None = None
    secret_variable: str | None = None
    answers: bool = False

    @model_validator(mode="after")
    def _answers_are_signed(self) -> Self:
        if self.answers and not self.is_signed:
            raise ValueError("answers must be signed: set secret_file, secret_command or secret_variable")
        return self

    @property
    def is_signed(self) -> bool:
        """Whether there is a secret."""
        return any(it is not None for it in (self.secret_file, self.secret_command, self.secret_variable))


class EmailSettings(_Section):
    """Mail to approvers, at their addresses in the approvers file; each mail has a personal link for the decision.

    Attributes:
        host: The SMTP server.
        port: The port of the server, by default that of ``tls``.
        tls: ``starttls`` on the usual port 587, ``implicit`` on 465, or ``none``.
        sender: The address in ``From``.
        also_to: More addresses that get each mail, without a link.
        username: The user to log in as, if the server requires it.
        password_file: A file with the password; the password itself is never configured.
        password_command: Or a program that prints it, with its arguments.
        password_variable: The notifier's environment variable with the password.
    """

    host: str
    port: PositiveInt | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    sender: str
    also_to: tuple[str, ...] = ()
    username: str | None = None
    password_file: Path | None = None
    password_command: SecretCommand | None = None
    password_variable: str | None = None


class AppriseSettings(_Section):
    """Any services that apprise supports, such as pagers, chats and phones. Decisions are made elsewhere.

    Attributes:
        urls_file: A file with apprise URLs, one a line; they hold credentials and are therefore never configured.
        urls_command: Or a program that prints them, with its arguments.
        urls_variable: The notifier's environment variable with the URLs, separated by spaces.
    """

    urls_file: Path | None = None
    urls_command: SecretCommand | None = None
    urls_variable: str | None = None

    @model_validator(mode="after")
    def _has_urls(self) -> Self:
        if self.urls_file is None and self.urls_command is None and self.urls_variable is None:
            raise ValueError("set urls_file, urls_command or urls_variable")
        return self


class ChannelSettings(_Section):
    """One channel: exactly one of the five kinds, and when and how often to send on it.

    Attributes:
        terminal: Print notices.
        slack: Post them to Slack.
        webhook: Post them to a URL.
        email: Mail them to approvers.
        apprise: Send them by apprise.
        quiet: Hours in which only critical notices are sent; the others wait.
        digest: For how long to collect notices before they are sent as one; critical notices are sent at once.
        rate: The highest rate at which to send.
        give_up_after: After failing for so long, a notice becomes a dead letter and goes to the fallback channels.
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
        if sum(getattr(self, kind) is not None for kind in CHANNEL_KINDS) != 1:
            raise ValueError(f"a channel is one of {', '.join(CHANNEL_KINDS)}, such as `terminal: {{}}`")
        return self

    @property
    def kind(self) -> str:
        """The kind of the channel, one of ``CHANNEL_KINDS``."""
        return next(kind for kind in CHANNEL_KINDS if getattr(self, kind) is not None)

    @property
    def section(self) -> Any:
        """The settings of the channel's kind, such as ``SlackSettings``."""
        return getattr(self, self.kind)


CHANNEL_KINDS: Final = tuple(
    name
    for name, field in ChannelSettings.model_fields.items()
    if any(isinstance(it, type) and issubclass(it, _Section) for it in get_args(field.annotation))
)
"""All kinds of channels: the fields of ``ChannelSettings`` that hold the settings of one."""
