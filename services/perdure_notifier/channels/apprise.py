"""Sends notices through apprise to pagers, chats and phones. Decisions are made elsewhere."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import apprise

from perdure.bus import KeyValue
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.channel import PartlySent, shortened
from perdure_notifier.notice import Notice
from perdure_notifier.render import render_digest

__all__ = ["AppriseChannel"]

_TITLE: Final = 250  # characters, as most services have it
_BODY: Final = 32_768  # characters; apprise cuts it further where it knows the limit of a service


class AppriseChannel:
    """The services of a list of apprise URLs.

    A key-value bucket remembers each service that has a notice, so that a retry skips those.

    Raises:
        SetupError: Apprise does not support one of the URLs.
    """

    def __init__(self, name: str, urls: Sequence[str], *, entries: KeyValue) -> None:
        self.name = name
        self._entries = entries
        self._services = [(sha256(url.encode()).hexdigest()[:16], apprise.Apprise()) for url in urls]
        for number, (url, (_, service)) in enumerate(zip(urls, self._services, strict=True), start=1):
            if not service.add(url):  # the error names its position: a URL holds credentials
                raise SetupError(f"The channel {name}: apprise does not support URL {number}.")

    async def send(self, notices: Sequence[Notice]) -> str:
        """Send to each service once; one that fails keeps no other from the notices, and is tried again."""
        text, failed = render_digest(notices), list[str]()
        title, body = shortened(text.headline, _TITLE), shortened(text.body or text.headline, _BODY)
        about = sha256(".".join(notice.key for notice in notices).encode()).hexdigest()[:32]
        for number, (url_id, service) in enumerate(self._services, start=1):
            key = f"apprise.{self.name}.{url_id}.{about}"
            if await self._entries.get(key) is not None:
                continue
            if await service.async_notify(title=title, body=body):
                await self._entries.put(key, b"")
            else:
                failed.append(f"service {number}")
        if failed:
            error = PartlySent if len(failed) < len(self._services) else Unavailable
            raise error(f"{', '.join(failed)} of {self.name} failed. Apprise's log says why")
        return f"sent to {len(self._services)} services"
