"""Where people are reached."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol, TextIO

import httpx2

from perdure.contracts import Message
from perdure.errors import PerdureError, Unavailable
from perdure.settings import NotifierSettings
from perdure_notifier.render import Notice

__all__ = ["Channel", "Refused", "TerminalChannel", "WebhookChannel", "open_channels"]

_ANSWERED_WITHIN: Final = 10.0  # seconds
_SERVER_ERRORS: Final = 500


class Refused(PerdureError):
    """The channel answered that it will not take this: trying again will not help."""


class Channel(Protocol):
    """One way to reach people."""

    name: str

    async def tell(self, notice: Notice, about: Message) -> str:
        """Tell people and return what the channel said to it.

        Raises:
            Refused: The channel does not want it.
            Unavailable: The channel does not answer; it shall be tried again.
        """


class TerminalChannel:
    """Writes to standard output: for the one who runs the suite in a terminal, and for log collectors."""

    name = "terminal"

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    async def tell(self, notice: Notice, about: Message) -> str:  # noqa: ARG002 (the text says it all)
        """Print the notice."""
        print(f"{notice.headline}\n{notice.text}\n", file=self._out, flush=True)
        return "printed"


class WebhookChannel:
    """Posts JSON to one URL."""

    name = "webhook"

    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def tell(self, notice: Notice, about: Message) -> str:
        """Post the notice and the message; the ``Idempotency-Key`` is the same on every try."""
        content = {"headline": notice.headline, "text": notice.text, "message": json.loads(about.model_dump_json())}
        try:
            answer = await self._client.post(self._url, json=content, headers={"Idempotency-Key": about.message_id})
        except httpx2.HTTPError as error:
            raise Unavailable(f"The webhook does not answer: {error!r}") from error
        if answer.status_code >= _SERVER_ERRORS:
            raise Unavailable(f"The webhook answered HTTP {answer.status_code}")
        if not answer.is_success:
            raise Refused(f"The webhook answered HTTP {answer.status_code}")
        return f"HTTP {answer.status_code}"


@asynccontextmanager
async def open_channels(settings: NotifierSettings) -> AsyncIterator[list[Channel]]:
    """Open the channels that the configuration names."""
    channels: list[Channel] = [TerminalChannel()] if settings.terminal else []
    async with httpx2.AsyncClient(timeout=_ANSWERED_WITHIN) as client:
        if settings.webhook_url is not None:
            channels.append(WebhookChannel(client, str(settings.webhook_url)))
        yield channels
