"""The secrets that channels need, read from the files and variables that the configuration names."""

from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from perdure.config.channels import AppriseSettings, ChannelSettings, EmailSettings, SlackSettings, WebhookSettings
from perdure.config.secrets import read_secret
from perdure.errors import SetupError

__all__ = ["apprise_urls", "email_password", "missing_secrets", "signing_secret", "slack_token", "webhook_secret"]


_SHORTEST_SECRET: Final = 24  # bytes: https://github.com/standard-webhooks/standard-webhooks, "Signature scheme"
_NEW_SECRET: Final = "Make a new one with `openssl rand -base64 32`, and give it to both sides."  # noqa: S105 (a hint)


def slack_token(name: str, settings: SlackSettings) -> str:
    """Return the bot token of a Slack channel.

    Raises:
        SetupError: It is missing.
    """
    what = f"The token of the Slack channel {name}"
    return read_secret(what, file=settings.token_file, command=settings.token_command, variable=settings.token_variable)


def signing_secret(name: str, settings: SlackSettings) -> str | None:
    """Return the secret that verifies clicks in a Slack channel, or None if its messages have no buttons.

    Raises:
        SetupError: The secret is configured but missing.
    """
    if not settings.accepts_decisions:
        return None
    what = f"The signing secret of the Slack channel {name}"
    return read_secret(
        what,
        file=settings.signing_secret_file,
        command=settings.signing_secret_command,
        variable=settings.signing_secret_variable,
    )


def webhook_secret(name: str, settings: WebhookSettings) -> str | None:
    """Return the shared signing secret, or None if the webhook is not signed.

    Raises:
        SetupError: The secret is configured but missing, is not base64, or is too short.
    """
    if not settings.is_signed:
        return None
    what = f"The secret of the webhook {name}"
    secret = read_secret(
        what, file=settings.secret_file, command=settings.secret_command, variable=settings.secret_variable
    )
    try:
        length = len(b64decode(_padded(secret.removeprefix("whsec_")), validate=True))
    except ValueError as error:
        raise SetupError(f"{what} is not base64, with or without the prefix whsec_. {_NEW_SECRET}") from error
    if length < _SHORTEST_SECRET:
        raise SetupError(f"{what} has {length} bytes, and needs at least {_SHORTEST_SECRET}. {_NEW_SECRET}")
    return secret


def _padded(base64: str) -> str:
    """Return base64 with the padding that some programs leave out."""
    return base64 + "=" * (-len(base64) % 4)


def email_password(name: str, settings: EmailSettings) -> str | None:
    """Return the password of the SMTP user, or None if the server requires none.

    Raises:
        SetupError: The password is configured but missing.
    """
    if settings.username is None:
        return None
    what = f"The password of {settings.username} for the channel {name}"
    return read_secret(
        what, file=settings.password_file, command=settings.password_command, variable=settings.password_variable
    )


def apprise_urls(name: str, settings: AppriseSettings) -> list[str]:
    """Return the URLs of an apprise channel.

    Raises:
        SetupError: They are missing.
    """
    what = f"The URLs of the channel {name}"
    return read_secret(
        what, file=settings.urls_file, command=settings.urls_command, variable=settings.urls_variable
    ).split()


def missing_secrets(name: str, settings: ChannelSettings) -> Iterator[SetupError]:
    """Yield an error for each secret that a channel needs and that is missing or unfit."""
    reads: list[Callable[[], object]] = []
    if settings.slack is not None:
        reads += [partial(slack_token, name, settings.slack), partial(signing_secret, name, settings.slack)]
    if settings.webhook is not None:
        reads.append(partial(webhook_secret, name, settings.webhook))
    if settings.email is not None:
        reads.append(partial(email_password, name, settings.email))
    if settings.apprise is not None:
        reads.append(partial(apprise_urls, name, settings.apprise))
    for read in reads:
        try:
            read()
        except SetupError as error:
            yield error
