"""Which Slack message shows which request, in a key-value bucket that all notifier processes share."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel

from perdure.bus import KeyValue
from perdure_notifier.channels.slack_text import Block
from perdure_notifier.notice import Notice

__all__ = ["PostedMessage", "SlackMessages"]

_PREFIX: Final = "slack"


class PostedMessage(BaseModel):
    """The Slack message about a request: its channel id and its timestamp, which is its id in the channel.

    Attributes:
        about: The message id of the request; empty in entries of 0.1.
        is_digest: Whether it shows other notices, too.
    """

    channel: str
    ts: str
    about: str = ""
    is_digest: bool = False


class SlackMessages:
    """The messages of one channel.

    Args:
        name: The channel's name in the configuration.
        entries: The bucket.
    """

    def __init__(self, name: str, entries: KeyValue) -> None:
        self._name = name
        self._entries = entries

    async def find(self, notice: Notice) -> PostedMessage | None:
        """Return the message that shows the request of a notice, if there is one.

        A later run of the same workflow id may have asked under the same request id: its message is another one.
        """
        stored = await self._entries.get(self._key(notice.thread))
        if stored is None:
            return None
        posted = PostedMessage.model_validate_json(stored)
        is_other = posted.about and notice.request is not None and posted.about != notice.request.message_id
        return None if is_other else posted

    async def keep(self, notice: Notice, posted: PostedMessage) -> None:
        """Remember the message that shows the request of a notice."""
        await self._entries.put(self._key(notice.thread), posted.model_dump_json().encode())

    async def keep_digest(self, ts: str, parts: Mapping[str, Sequence[Block]]) -> None:
        """Remember the blocks of a digest, by the message id of the request or notice that they show."""
        await self._entries.put(self._digest_key(ts), json.dumps(parts, ensure_ascii=False).encode())

    async def digest(self, ts: str) -> dict[str, list[Block]]:
        """Return the blocks of a digest as it is now, in their order."""
        stored = await self._entries.get(self._digest_key(ts))
        parts: dict[str, list[Block]] = json.loads(stored or b"{}")
        return parts

    def _key(self, request_id: str) -> str:
        return f"{_PREFIX}.{self._name}.{request_id}"

    def _digest_key(self, ts: str) -> str:
        return f"{_PREFIX}.{self._name}.digest.{ts}"
