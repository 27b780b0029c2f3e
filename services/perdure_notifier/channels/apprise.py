"""Sends notices through apprise to pagers, chats and phones. Decisions are made elsewhere."""

from collections.abc import Sequence

import apprise

from perdure.errors import SetupError, Unavailable
from perdure_notifier.notice import Notice
from perdure_notifier.render import render_digest

__all__ = ["AppriseChannel"]


class AppriseChannel:
    """The services of a list of apprise URLs.

    Raises:
        SetupError: Apprise does not support one of the URLs.
    """

    def __init__(self, name: str, urls: Sequence[str]) -> None:
        self.name = name
        self._services = apprise.Apprise()
        for number, url in enumerate(urls, start=1):  # the error names its position: a URL holds credentials
            if not self._services.add(url):
                raise SetupError(f"The channel {name}: apprise does not support URL {number}.")

    async def send(self, notices: Sequence[Notice]) -> str:
        """Send to all services; if one of them fails, the next attempt sends to all again."""
        text = render_digest(notices)
        if not await self._services.async_notify(title=text.headline, body=text.body or text.headline):
            raise Unavailable(f"At least one service of {self.name} failed. Apprise's log names it")
        return f"sent to {len(self._services)} services"
