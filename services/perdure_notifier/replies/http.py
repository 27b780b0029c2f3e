"""The HTTP application that accepts decisions: Slack interactions, webhook posts, and links in mails."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import Bus, KeyValue
from perdure.bus.decision_client import DecisionClient
from perdure.config.channels import SlackSettings
from perdure.config.settings import Settings
from perdure.errors import PerdureError
from perdure.runtime.background import BackgroundTasks, background
from perdure_notifier.channels.registry import slack_client
from perdure_notifier.channels.reloaded import Reloaded
from perdure_notifier.channels.secrets import signing_secret, slack_token, webhook_secret
from perdure_notifier.replies.link_page import LinkReplies
from perdure_notifier.replies.links import Links
from perdure_notifier.replies.slack import SlackReplies
from perdure_notifier.replies.slack_origin import SlackOrigin
from perdure_notifier.replies.webhook import WebhookReplies

__all__ = ["reply_app"]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def reply_app(
    settings: Settings, *, bus: Bus, entries: KeyValue, approvers: ApproversFile, key: SigningKey
) -> AsyncIterator[Starlette]:
    """Build the application, with one path for each channel that accepts decisions.

    Args:
        settings: The configuration.
        bus: Where decisions are published and receipts read.
        entries: Where used links and handled Slack requests are kept.
        approvers: Maps Slack users to approvers.
        key: The notifier's signing key.

    Raises:
        SetupError: A secret is missing.
    """
    decisions = DecisionClient(bus, key)
    async with background() as follow_ups:
        routes = [
            *_slack_routes(settings, decisions=decisions, entries=entries, approvers=approvers, follow_ups=follow_ups),
            *_webhook_routes(settings, decisions),
            *_link_routes(settings, bus=bus, decisions=decisions, entries=entries, key=key),
        ]
        yield Starlette(routes=routes, exception_handlers={HTTPException: _rejected, PerdureError: _unavailable})


def _slack_routes(
    settings: Settings,
    *,
    decisions: DecisionClient,
    entries: KeyValue,
    approvers: ApproversFile,
    follow_ups: BackgroundTasks,
) -> list[Route]:
    def slack_replies(name: str, slack: SlackSettings, _: Any) -> SlackReplies:
        return SlackReplies(
            slack_client(name, slack),
            signing_secret(name, slack) or "",
            SlackOrigin(slack.team_id or "", slack.hooks_url),
            decisions=decisions,
            approvers=approvers,
            entries=entries,
            follow_ups=follow_ups,
        )

    return [
        _route(
            f"/slack/{name}",
            partial(_slack_secrets, name, slack),
            partial(slack_replies, name, slack),
        )
        for name, channel in settings.notifier.channels.items()
        if (slack := channel.slack) is not None and slack.accepts_decisions
    ]


def _slack_secrets(name: str, slack: SlackSettings) -> tuple[str | None, str]:
    return signing_secret(name, slack), slack_token(name, slack)


def _webhook_routes(settings: Settings, decisions: DecisionClient) -> list[Route]:
    return [
        _route(
            f"/decisions/{name}",
            partial(webhook_secret, name, webhook),
            lambda secret: WebhookReplies(secret or "", decisions),  # WebhookSettings requires a secret
        )
        for name, channel in settings.notifier.channels.items()
        if (webhook := channel.webhook) is not None and webhook.answers
    ]


def _route(path: str, read: Callable[[], Any], build: Callable[[Any], SlackReplies | WebhookReplies]) -> Route:
    """Return the route of replies that are built anew when a secret changes."""
    replies = Reloaded(read, build)

    async def handle(request: Request) -> Response:
        return await replies.now().handle(request)

    return Route(path, handle, methods=["POST"])


def _link_routes(
    settings: Settings, *, bus: Bus, decisions: DecisionClient, entries: KeyValue, key: SigningKey
) -> list[Route]:
    url = settings.notifier.url
    if url is None:
        return []
    replies = LinkReplies(Links(key, str(url)), bus=bus, decisions=decisions, entries=entries)
    return [Route("/answer/{token}", replies.handle, methods=["GET", "POST"])]


async def _rejected(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for this type only)
    _log.warning("rejected a request: %s", error.detail)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code)


async def _unavailable(_: Request, error: Exception) -> Response:
    _log.warning("could not handle a decision: %s", error)
    return PlainTextResponse("Your decision could not be stored. Try again in a moment.\n", status_code=503)
