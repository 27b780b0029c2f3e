"""Sends notices to a Slack channel: one message with buttons for each request, updated when it is settled."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from perdure.approvers import ApproversFile, may_vote
from perdure.bus import KeyValue
from perdure.config.channels import SlackSettings
from perdure.contracts import ApprovalDecided, ApprovalEscalated, ApprovalExpired, ApprovalReminded, ApprovalRequested
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.channel import Busy, Refused
from perdure_notifier.channels.slack_blocks import notice_blocks, settled_blocks
from perdure_notifier.channels.slack_messages import PostedMessage, SlackMessages
from perdure_notifier.channels.slack_text import Block, literal
from perdure_notifier.notice import Notice
from perdure_notifier.render import render_digest

__all__ = ["SlackChannel"]

_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERRORS: Final = 500
_BLOCK_LIMIT: Final = 50  # blocks in a message: https://docs.slack.dev/reference/block-kit/blocks
_SUMMARY_LIMIT: Final = 3_000  # characters; `chat.update` takes 4,000
_GONE: Final = {"message_not_found", "cant_update_message", "edit_window_closed"}
"""Errors of a message that cannot be updated any more: https://docs.slack.dev/reference/methods/chat.update."""
_TRANSIENT: Final = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"}
"""Transient errors that Slack reports with HTTP 200: https://docs.slack.dev/reference/methods/chat.postMessage."""

_Part = tuple[Notice, list[Block]]

_log = logging.getLogger(__name__)


class _MessageGone(Refused):
    """The message to update was deleted, or is too old to be edited."""


class SlackChannel:
    """Uses Slack's Web API. A key-value bucket that all processes share keeps which message shows which request."""

    def __init__(
        self, name: str, client: WebClient, settings: SlackSettings, *, entries: KeyValue, approvers: ApproversFile
    ) -> None:
        self.name = name
        self._client = client
        self._settings = settings
        self._messages = SlackMessages(name, entries)
        self._approvers = approvers

    async def send(self, notices: Sequence[Notice]) -> str:
        """Post a message, update the request's message, or reply in its thread; post one message for a digest."""
        if len(notices) > 1:
            return await self._send_digest(notices)
        (notice,) = notices
        posted = await self._messages.find(notice)
        match notice.message:
            case ApprovalDecided() | ApprovalExpired() as outcome if posted and notice.request:
                return await self._settle(posted, settled_blocks(notice.request, outcome), notice)
            case ApprovalReminded() | ApprovalEscalated() if posted:
                return await self._post(notice, thread=posted.ts)
            case _:
                return await self._post(notice)

    async def _post(self, notice: Notice, *, thread: str | None = None) -> str:
        reply = (
            {"thread_ts": thread, "reply_broadcast": isinstance(notice.message, ApprovalEscalated)} if thread else {}
        )
        response = await self._call(
            "chat.postMessage",
            channel=self._settings.channel,
            text=_summary([notice]),
            blocks=self._blocks(notice),
            metadata={"event_type": "perdure_notice", "event_payload": {"id": notice.key}},
            unfurl_links=False,
            **reply,
        )
        if isinstance(notice.message, ApprovalRequested):
            posted = PostedMessage(channel=response["channel"], ts=response["ts"], about=notice.key)
            await self._messages.keep(notice, posted)
        return f"posted as {response['ts']}"

    async def _send_digest(self, notices: Sequence[Notice]) -> str:
        """Update the messages of requests that are settled, and post one message for all other notices."""
        outcomes = {it.request.message_id: it.message for it in notices if it.is_outcome and it.request is not None}
        shown = {it.key for it in notices if isinstance(it.message, ApprovalRequested)}
        done, parts = list[str](), list[_Part]()
        for notice in notices:
            if notice.is_outcome and notice.request is not None and notice.request.message_id in shown:
                continue  # the request is shown as settled
            if notice.is_outcome and await self._messages.find(notice) is not None:
                done.append(await self.send([notice]))
                continue
            outcome = outcomes.get(notice.key)
            if isinstance(notice.message, ApprovalRequested) and isinstance(outcome, ApprovalDecided | ApprovalExpired):
                parts.append((notice, settled_blocks(notice.message, outcome)))
            else:
                parts.append((notice, self._blocks(notice)))
        return ", ".join([*done, *(await self._post_digest(parts) if parts else [])])

    async def _post_digest(self, parts: Sequence[_Part]) -> list[str]:
        room = sum(len(blocks) for _, blocks in parts) + len(parts)  # the comment of an outcome may be added
        if room > _BLOCK_LIMIT and len(parts) > 1:
            half = len(parts) // 2
            return [*await self._post_digest(parts[:half]), *await self._post_digest(parts[half:])]
        response = await self._call(
            "chat.postMessage",
            channel=self._settings.channel,
            text=_summary([notice for notice, _ in parts]),
            blocks=[block for _, blocks in parts for block in blocks],
        )
        posted = PostedMessage(channel=response["channel"], ts=response["ts"], is_digest=True)
        await self._messages.keep_digest(posted.ts, {notice.key: blocks for notice, blocks in parts})
        for notice, _ in parts:
            if isinstance(notice.message, ApprovalRequested):
                await self._messages.keep(notice, posted.model_copy(update={"about": notice.key}))
        return [f"posted as {posted.ts}"]

    async def _settle(self, posted: PostedMessage, blocks: list[Block], notice: Notice) -> str:
        """Show the outcome in place of the buttons; in a message of its own if the request's is gone."""
        if posted.is_digest:
            parts = await self._messages.digest(posted.ts) | {posted.about: blocks}
            await self._messages.keep_digest(posted.ts, parts)
            blocks = [block for part in parts.values() for block in part]
        try:
            await self._call(
                "chat.update", channel=posted.channel, ts=posted.ts, text=_summary([notice]), blocks=blocks
            )
        except _MessageGone:
            return await self._post(notice)
        return f"updated {posted.ts}"

    def _blocks(self, notice: Notice) -> list[Block]:
        return notice_blocks(notice, self._mentions(notice), buttons=self._settings.accepts_decisions)

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
    line = literal(render_digest(notices).headline)
    return line if len(line) <= _SUMMARY_LIMIT else f"{line[: _SUMMARY_LIMIT - 2]} …"


def _slack_error(error: SlackApiError) -> Exception:
    response, status = error.response, error.response.status_code
    if status == _TOO_MANY_REQUESTS:
        wait = str(response.headers.get("Retry-After", "1"))
        return Busy("Slack limits the rate", timedelta(seconds=int(wait) if wait.isdecimal() else 1))
    code = str(response.get("error", status)) if isinstance(response.data, dict) else str(status)
    if status >= _SERVER_ERRORS or code in _TRANSIENT:
        return Unavailable(f"Slack answered {code}")
    return (_MessageGone if code in _GONE else Refused)(f"Slack answered {code}")
