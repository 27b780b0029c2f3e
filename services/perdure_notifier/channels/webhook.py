"""A URL of somebody's own, posted to as Standard Webhooks says: https://www.standardwebhooks.com."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
from standardwebhooks import Webhook

from perdure.errors import Unavailable
from perdure_notifier.channels.channel import Busy, Refused
from perdure_notifier.notice import Notice
from perdure_notifier.render import render

__all__ = ["WebhookChannel"]

_SERVER_ERRORS: Final = 500
_TRY_AGAIN: Final = {httpx2.codes.REQUEST_TIMEOUT, httpx2.codes.TOO_EARLY, httpx2.codes.TOO_MANY_REQUESTS}


class WebhookChannel:
    """Posts JSON; ``webhook-id`` is the same on every try."""

    def __init__(self, name: str, client: httpx2.AsyncClient, url: str, secret: str | None) -> None:
        self.name = name
        self._client = client
        self._url = url
        self._signing = None if secret is None else Webhook(secret)

    async def send(self, notices: Sequence[Notice]) -> str:
        """Post what happened, in words and as it was said on the bus; many things at once as a list."""
        now = datetime.now(UTC)
        said = [_content(notice) for notice in notices]
        kind, data = (notices[0].message.type, said[0]) if len(said) == 1 else ("digest", said)
        body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data}, ensure_ascii=False)
        headers = self._headers(notices[0].key if len(notices) == 1 else f"digest.{notices[0].key}", body, now)
        try:
            answer = await self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx2.HTTPError as error:
            raise Unavailable(f"The webhook does not answer: {error!r}") from error
        return _judged(answer)

    def _headers(self, message_id: str, body: str, now: datetime) -> dict[str, str]:
        stamped = {"content-type": "application/json", "webhook-id": message_id}
        stamped["webhook-timestamp"] = str(int(now.timestamp()))
        if self._signing is not None:
            stamped["webhook-signature"] = self._signing.sign(message_id, now, body)
        return stamped


def _content(notice: Notice) -> dict[str, Any]:
    words = render(notice)
    return {"headline": words.headline, "text": words.text, "message": notice.message.model_dump(mode="json")}


def _judged(answer: httpx2.Response) -> str:
    said = f"HTTP {answer.status_code}"
    if answer.status_code in _TRY_AGAIN and (wait := answer.headers.get("retry-after", "")).isdecimal():
        raise Busy(f"The webhook answered {said}", timedelta(seconds=int(wait)))
    if answer.status_code >= _SERVER_ERRORS or answer.status_code in _TRY_AGAIN:
        raise Unavailable(f"The webhook answered {said}")
    if not answer.is_success:
        raise Refused(f"The webhook answered {said}")
    return said
