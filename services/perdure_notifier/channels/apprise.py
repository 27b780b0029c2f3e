"""Pagers, chats and phones, by apprise: people are told there, and answer elsewhere."""

from collections.abc import Sequence

import apprise

from perdure.errors import SetupError, Unavailable
from perdure_notifier.notice import Notice
from perdure_notifier.render import render_digest

__all__ = ["AppriseChannel"]


class AppriseChannel:
    """Everything that an apprise URL reaches.

    Raises:
        SetupError: One of the URLs is none that apprise knows.
    """

    def __init__(self, name: str, urls: Sequence[str]) -> None:
        self.name = name
        self._services = apprise.Apprise()
        for number, url in enumerate(urls, start=1):  # a URL holds credentials: it is told by its place
            if not self._services.add(url):
                raise SetupError(f"The channel {name}: URL {number} is none that apprise knows.")

    async def send(self, notices: Sequence[Notice]) -> str:
        """Tell all services; if one of them does not take it, all are told again."""
        words = render_digest(notices)
        if not await self._services.async_notify(title=words.headline, body=words.text or words.headline):
            raise Unavailable(f"Not every service of {self.name} took it: apprise's log says which")
        return f"told {len(self._services)} services"
