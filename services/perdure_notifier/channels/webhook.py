"""Posts notices to a URL, signed by the Standard Webhooks specification: https://www.standardwebhooks.com."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
from standardwebhooks import Webhook

from perdure.bus.envelope import header_value
from perdure.errors import Unavailable
from perdure_notifier.channels.channel import Busy, Refused
from perdure_notifier.notice import Notice
from perdure_notifier.render import render

__all__ = ["WebhookChannel"]

_SERVER_ERRORS: Final = 500
_RETRYABLE: Final = {httpx2.codes.REQUEST_TIMEOUT, httpx2.codes.TOO_EARLY, httpx2.codes.TOO_MANY_REQUESTS}


class WebhookChannel:
    """Posts JSON. ``webhook-id`` is the same on every attempt."""

    def __init__(self, name: str, client: httpx2.AsyncClient, url: str, secret: str | None) -> None:
        self.name = name
        self._client = client
        self._url = url
        self._signer = None if secret is None else Webhook(secret)

    async def send(self, notices: Sequence[Notice]) -> str:
        """Post a notice's text together with its message from the bus; several notices are posted as a list."""
        now = datetime.now(UTC)
        contents = [_content(notice) for notice in notices]
        kind, data = (notices[0].message.type, contents[0]) if len(contents) == 1 else ("digest", contents)
        body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False)
        key = header_value(notices[0].key)  # it holds the run's id, which may be any text
        headers = self._headers(key if len(notices) == 1 else f"digest.{key}", body, now)
        try:
            response = await self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx2.HTTPError as error:
            raise Unavailable(f"The webhook does not answer: {error!r}") from error
        return _checked_status(response)

    def _headers(self, message_id: str, body: str, now: datetime) -> dict[str, str]:
        headers = {"content-type": "application/json", "webhook-id": message_id}
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(message_id, now, body)
        return headers


def _content(notice: Notice) -> dict[str, Any]:
    text = render(notice)
    return {"headline": text.headline, "text": text.body, "message": notice.message.model_dump(mode="json")}


def _checked_status(response: httpx2.Response) -> str:
    status = f"HTTP {response.status_code}"
    if response.status_code in _RETRYABLE and (wait := response.headers.get("retry-after", "")).isdecimal():
        raise Busy(f"The webhook answered {status}", timedelta(seconds=int(wait)))
    if response.status_code >= _SERVER_ERRORS or response.status_code in _RETRYABLE:
        raise Unavailable(f"The webhook answered {status}")
    if not response.is_success:
        raise Refused(f"The webhook answered {status}")
    return status
