"""A channel of Slack's: a question with buttons, reminded in its thread, and replaced by its answer."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from perdure.approvers import ApproversFile, may_answer
from perdure.bus import KeyValue
from perdure.config.notifier import SlackSettings
from perdure.contracts import ApprovalDecided, ApprovalEscalated, ApprovalExpired, ApprovalReminded, ApprovalRequested
from perdure.errors import SetupError, Unavailable
from perdure_notifier.channels.channel import Busy, Refused
from perdure_notifier.channels.slack_blocks import blocks_of, settled
from perdure_notifier.channels.slack_text import literal
from perdure_notifier.notice import Notice
from perdure_notifier.render import render_digest

__all__ = ["SlackChannel"]

_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_BLOCKS_AT_MOST: Final = 50
_PASSING: Final = {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"}
"""Errors that Slack reports with HTTP 200 and that go by: https://docs.slack.dev/reference/methods/chat.postMessage."""

_log = logging.getLogger(__name__)


class _Posted(BaseModel):
    """Where the message about a request is: Slack's own id of the channel, and the message's in it."""

    channel: str
    ts: str


class SlackChannel:
    """Speaks Slack's Web API; which message is about which request lies in a bucket, for any process to find."""

    def __init__(
        self, name: str, client: WebClient, settings: SlackSettings, *, entries: KeyValue, approvers: ApproversFile
    ) -> None:
        self.name = name
        self._client = client
        self._settings = settings
        self._entries = entries
        self._approvers = approvers

    async def send(self, notices: Sequence[Notice]) -> str:
        """Post, update or answer in a thread, as it fits; many at once make one new message."""
        if len(notices) > 1:
            return await self._post_digest(notices)
        (notice,) = notices
        posted = await self._posted(notice)
        match notice.message:
            case ApprovalDecided() | ApprovalExpired() as outcome if posted and notice.request:
                return await self._replace(posted, settled(notice.request, outcome), notice)
            case ApprovalReminded() | ApprovalEscalated() if posted:
                return await self._post(notice, thread=posted.ts)
            case _:
                return await self._post(notice)

    async def _post(self, notice: Notice, *, thread: str | None = None) -> str:
        blocks = blocks_of(notice, self._mentions(notice), answers=self._settings.answers)
        more = {"thread_ts": thread, "reply_broadcast": isinstance(notice.message, ApprovalEscalated)} if thread else {}
        answer = await self._call(
            "chat.postMessage",
            channel=self._settings.channel,
            text=_in_short([notice]),
            blocks=blocks,
            metadata={"event_type": "perdure_notice", "event_payload": {"id": notice.key}},
            unfurl_links=False,
            **more,
        )
        where = _Posted(channel=answer["channel"], ts=answer["ts"])
        if isinstance(notice.message, ApprovalRequested):
            await self._entries.put(self._key(notice), where.model_dump_json().encode())
        return f"posted as {where.ts}"

    async def _post_digest(self, notices: Sequence[Notice]) -> str:
        shown = [blocks_of(it, self._mentions(it), answers=self._settings.answers) for it in notices]
        blocks = [block for one in shown for block in one]
        if len(blocks) > _BLOCKS_AT_MOST:
            half = len(notices) // 2
            return f"{await self.send(notices[:half])}, {await self.send(notices[half:])}"
        answer = await self._call(
            "chat.postMessage", channel=self._settings.channel, text=_in_short(notices), blocks=blocks
        )
        return f"posted as {answer['ts']}"

    async def _replace(self, posted: _Posted, blocks: list[dict[str, Any]], notice: Notice) -> str:
        await self._call("chat.update", channel=posted.channel, ts=posted.ts, text=_in_short([notice]), blocks=blocks)
        return f"updated {posted.ts}"

    async def _posted(self, notice: Notice) -> _Posted | None:
        known = await self._entries.get(self._key(notice))
        return None if known is None else _Posted.model_validate_json(known)

    def _key(self, notice: Notice) -> str:
        return f"slack.{self.name}.{notice.thread}"

    def _mentions(self, notice: Notice) -> list[str]:
        """Return those who are asked by name or role; who all may answer, nobody need call."""
        request, also = notice.request, notice.also_asked
        if request is None or not (request.policy.people or request.policy.roles):
            return []
        try:
            known = self._approvers.current()
        except SetupError as error:  # people are told all the same
            _log.warning("nobody is mentioned: %s", error)
            return []
        now = datetime.now(UTC)
        people = known.approvers.items()
        return [one.slack for name, one in people if one.slack and may_answer(known, name, request, now, also=also)]

    async def _call(self, method: str, **arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(self._client.api_call, method, json=arguments)
        except SlackApiError as error:
            raise _judged(error) from error
        except (SlackClientError, OSError, ValueError) as error:  # ValueError: an answer that is no JSON
            raise Unavailable(f"Slack does not answer: {error!r}") from error


def _in_short(notices: Sequence[Notice]) -> str:
    """Say in one line, where there is no room for blocks, what they are about."""
    return literal(render_digest(notices).headline)


def _judged(error: SlackApiError) -> Exception:
    answer = error.response
    if answer.status_code == _TOO_MANY:
        wait = str(answer.headers.get("Retry-After", "1"))
        return Busy("Slack asks to wait", timedelta(seconds=int(wait) if wait.isdecimal() else 1))
    word = str(answer.get("error", answer.status_code)) if isinstance(answer.data, dict) else str(answer.status_code)
    if answer.status_code >= _SERVER_ERRORS or word in _PASSING:
        return Unavailable(f"Slack answered {word}")
    return Refused(f"Slack answered {word}")
