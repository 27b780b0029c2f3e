"""The HTTP application that accepts decisions: Slack interactions, webhook posts, and links in mails."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import Bus, KeyValue
from perdure.bus.decision_client import DecisionClient
from perdure.config.settings import Settings
from perdure.errors import PerdureError
from perdure.runtime.background import BackgroundTasks, background
from perdure_notifier.channels.registry import slack_client
from perdure_notifier.channels.secrets import signing_secret, webhook_secret
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
    routes = []
    for name, channel in settings.notifier.channels.items():
        secret = None if channel.slack is None else signing_secret(name, channel.slack)
        if channel.slack is not None and secret is not None:
            replies = SlackReplies(
                slack_client(name, channel.slack),
                secret,
                SlackOrigin(channel.slack.team_id or "", channel.slack.hooks_url),
                decisions=decisions,
                approvers=approvers,
                entries=entries,
                follow_ups=follow_ups,
            )
            routes.append(Route(f"/slack/{name}", replies.handle, methods=["POST"]))
    return routes


def _webhook_routes(settings: Settings, decisions: DecisionClient) -> list[Route]:
    routes = []
    for name, channel in settings.notifier.channels.items():
        if channel.webhook is not None and channel.webhook.answers:
            secret = webhook_secret(name, channel.webhook)
            assert secret is not None  # noqa: S101 (WebhookSettings requires it)
            routes.append(Route(f"/decisions/{name}", WebhookReplies(secret, decisions).handle, methods=["POST"]))
    return routes


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
