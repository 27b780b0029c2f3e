"""The notifier's HTTP side for people: Slack's clicks, posted decisions, and links in mails."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from perdure.approvers import ApproversFile, SigningKey
from perdure.bus import Bus, KeyValue
from perdure.bus.decision_client import DecisionClient
from perdure.config.secrets import read_secret
from perdure.config.settings import Settings
from perdure.errors import PerdureError
from perdure.runtime.background import BackgroundTasks, background
from perdure_notifier.channels.registry import slack_client, webhook_secret
from perdure_notifier.replies.link_page import LinkReplies
from perdure_notifier.replies.links import Links
from perdure_notifier.replies.slack import SlackReplies
from perdure_notifier.replies.webhook import WebhookReplies

__all__ = ["reply_app"]

Hear = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)


@asynccontextmanager
async def reply_app(
    settings: Settings, *, bus: Bus, entries: KeyValue, approvers: ApproversFile, key: SigningKey
) -> AsyncIterator[Starlette]:
    """Serve each channel that takes answers at a path of its own.

    Raises:
        SetupError: A secret is missing.
    """
    speaker = DecisionClient(bus, key)
    async with background() as follow_ups:
        routes = [
            *_slack_routes(settings, speaker=speaker, entries=entries, approvers=approvers, follow_ups=follow_ups),
            *_webhook_routes(settings, speaker),
            *_link_routes(settings, bus=bus, speaker=speaker, entries=entries, key=key),
        ]
        yield Starlette(routes=routes, exception_handlers={HTTPException: _refused, PerdureError: _away})


def _slack_routes(
    settings: Settings,
    *,
    speaker: DecisionClient,
    entries: KeyValue,
    approvers: ApproversFile,
    follow_ups: BackgroundTasks,
) -> list[Route]:
    routes = []
    for name, channel in settings.notifier.channels.items():
        if channel.slack is not None and channel.slack.answers:
            secret = read_secret(
                f"The signing secret of the Slack channel {name}",
                file=channel.slack.signing_secret_file,
                variable=channel.slack.signing_secret_variable,
            )
            hears = SlackReplies(
                slack_client(name, channel.slack),
                secret,
                speaker=speaker,
                approvers=approvers,
                entries=entries,
                follow_ups=follow_ups,
            )
            routes.append(Route(f"/slack/{name}", hears.hear, methods=["POST"]))
    return routes


def _webhook_routes(settings: Settings, speaker: DecisionClient) -> list[Route]:
    routes = []
    for name, channel in settings.notifier.channels.items():
        if channel.webhook is not None and channel.webhook.answers:
            secret = webhook_secret(name, channel.webhook)
            assert secret is not None  # noqa: S101 (the settings see to it)
            routes.append(Route(f"/decisions/{name}", WebhookReplies(secret, speaker).hear, methods=["POST"]))
    return routes


def _link_routes(
    settings: Settings, *, bus: Bus, speaker: DecisionClient, entries: KeyValue, key: SigningKey
) -> list[Route]:
    url = settings.notifier.url
    if url is None:
        return []
    hears = LinkReplies(Links(key, str(url)), bus=bus, speaker=speaker, entries=entries)
    return [Route("/answer/{token}", hears.hear, methods=["GET", "POST"])]


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for these)
    _log.warning("an answer was refused: %s", error.detail)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code)


async def _away(_: Request, error: Exception) -> Response:
    _log.warning("an answer could not be taken: %s", error)
    return PlainTextResponse("Your answer could not be taken. Try again in a moment.\n", status_code=503)
