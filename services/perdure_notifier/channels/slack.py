"""Sends notices to a Slack channel: one message with buttons for each request, updated when it is settled."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from perdure.approvers import ApproversFile, may_vote
from perdure.bus import KeyValue
from perdure.config.channels import SlackSettings
from perdure.contracts import ApprovalDecided, ApprovalEscalated, ApprovalExpired, ApprovalReminded, ApprovalRequested
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.channel import Busy, Refused
from perdure_notifier.channels.slack_blocks import notice_blocks, settled_blocks
from perdure_notifier.channels.slack_text import literal
from perdure_notifier.notice import Notice
from perdure_notifier.render import render_digest

__all__ = ["SlackChannel"]

_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = 500
_BLOCK_LIMIT: Final = 50  # blocks in a message: https://docs.slack.dev/reference/block-kit/blocks
_TRANSIENT: Final = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"}
"""Transient errors that Slack reports with HTTP 200: https://docs.slack.dev/reference/methods/chat.postMessage."""

_log = logging.getLogger(__name__)


class _Posted(BaseModel):
    """The Slack message about a request: its channel id and its timestamp, which is its id in the channel."""

    channel: str
    ts: str


class SlackChannel:
    """Uses Slack's Web API. A key-value bucket that all processes share keeps which message shows which request."""

    def __init__(
        self, name: str, client: WebClient, settings: SlackSettings, *, entries: KeyValue, approvers: ApproversFile
    ) -> None:
        self.name = name
        self._client = client
        self._settings = settings
        self._entries = entries
        self._approvers = approvers

    async def send(self, notices: Sequence[Notice]) -> str:
        """Post a message, update the request's message, or reply in its thread; post one message for a digest."""
        if len(notices) > 1:
            return await self._post_digest(notices)
        (notice,) = notices
        posted = await self._posted(notice)
        match notice.message:
            case ApprovalDecided() | ApprovalExpired() as outcome if posted and notice.request:
                return await self._replace(posted, settled_blocks(notice.request, outcome), notice)
            case ApprovalReminded() | ApprovalEscalated() if posted:
                return await self._post(notice, thread=posted.ts)
            case _:
                return await self._post(notice)

    async def _post(self, notice: Notice, *, thread: str | None = None) -> str:
        blocks = notice_blocks(notice, self._mentions(notice), buttons=self._settings.accepts_decisions)
        reply = (
            {"thread_ts": thread, "reply_broadcast": isinstance(notice.message, ApprovalEscalated)} if thread else {}
        )
        response = await self._call(
            "chat.postMessage",
            channel=self._settings.channel,
            text=_summary([notice]),
            blocks=blocks,
            metadata={"event_type": "perdure_notice", "event_payload": {"id": notice.key}},
            unfurl_links=False,
            **reply,
        )
        posted = _Posted(channel=response["channel"], ts=response["ts"])
        if isinstance(notice.message, ApprovalRequested):
            await self._entries.put(self._key(notice), posted.model_dump_json().encode())
        return f"posted as {posted.ts}"

    async def _post_digest(self, notices: Sequence[Notice]) -> str:
        buttons = self._settings.accepts_decisions
        blocks = [block for it in notices for block in notice_blocks(it, self._mentions(it), buttons=buttons)]
        if len(blocks) > _BLOCK_LIMIT:
            half = len(notices) // 2
            return f"{await self.send(notices[:half])}, {await self.send(notices[half:])}"
        response = await self._call(
            "chat.postMessage", channel=self._settings.channel, text=_summary(notices), blocks=blocks
        )
        return f"posted as {response['ts']}"

    async def _replace(self, posted: _Posted, blocks: list[dict[str, Any]], notice: Notice) -> str:
        await self._call("chat.update", channel=posted.channel, ts=posted.ts, text=_summary([notice]), blocks=blocks)
        return f"updated {posted.ts}"

    async def _posted(self, notice: Notice) -> _Posted | None:
        stored = await self._entries.get(self._key(notice))
        return None if stored is None else _Posted.model_validate_json(stored)

    def _key(self, notice: Notice) -> str:
        return f"slack.{self.name}.{notice.thread}"

    def _mentions(self, notice: Notice) -> list[str]:
        """Return the Slack ids of the approvers; nobody, if the policy names neither people nor roles."""
        request, also = notice.request, notice.escalated_to
        if request is None or not request.policy.is_limited:
            return []
        try:
            directory = self._approvers.current()
        except SetupError as error:  # the notice is sent nevertheless
            _log.warning("the notice mentions nobody, because the approvers file cannot be read: %s", error)
            return []
        now, people = datetime.now(UTC), directory.approvers.items()
        return [one.slack for name, one in people if one.slack and may_vote(directory, name, request, now, also=also)]

    async def _call(self, method: str, **arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(self._client.api_call, method, json=arguments)
        except SlackApiError as error:
            raise _slack_error(error) from error
        except (SlackClientError, OSError, ValueError) as error:  # ValueError: the response is not JSON
            raise Unavailable(f"Slack does not answer: {error!r}") from error


def _summary(notices: Sequence[Notice]) -> str:
    """Return one line for places without blocks, such as Slack's push notifications."""
    return literal(render_digest(notices).headline)


def _slack_error(error: SlackApiError) -> Exception:
    response, status = error.response, error.response.status_code
    if status == _TOO_MANY_REQUESTS:
        wait = str(response.headers.get("Retry-After", "1"))
        return Busy("Slack limits the rate", timedelta(seconds=int(wait) if wait.isdecimal() else 1))
    code = str(response.get("error", status)) if isinstance(response.data, dict) else str(status)
    if status >= _SERVER_ERRORS or code in _TRANSIENT:
        return Unavailable(f"Slack answered {code}")
    return Refused(f"Slack answered {code}")
