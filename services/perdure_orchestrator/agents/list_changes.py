"""Whether a server may offer other tools than it has listed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from perdure.bus.settlement import backoff_seconds

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["ListChanges"]

_log = logging.getLogger(__name__)

_FRESH_FOR: Final = 60.0  # seconds; not every server notifies, and not every notification arrives
_AGAIN_AFTER: Final = 10.0  # seconds; each try of a server that is busy holds a call up


class ListChanges:
    """What a session knows of changes of its server's tools.

    Servers of the protocol before 2026 notify of their own accord, later ones those who subscribe.
    """

    def __init__(self) -> None:
        self._changed = False
        self._listed_at = time.monotonic()
        self._next_try_at = self._listed_at

    @property
    def may_differ(self) -> bool:
        """Whether the tools should be listed again."""
        now = time.monotonic()
        return now >= self._next_try_at and (self._changed or now - self._listed_at > _FRESH_FOR)

    def listing(self) -> None:
        """Note that the tools are about to be listed: a change from now on counts."""
        self._changed = False
        self._listed_at = time.monotonic()

    def not_listed(self) -> None:
        """Note that the tools could not be listed: they may differ, but not every call is to wait for another try."""
        self._changed = True
        self._next_try_at = time.monotonic() + _AGAIN_AFTER

    def changed(self) -> None:
        """Note that the tools may have changed."""
        self._changed = True

    async def receive(self, message: Any) -> None:
        """Take a notification of the server, or any other message."""
        from mcp.types import ToolListChangedNotification  # noqa: PLC0415 (a slow import)

        if isinstance(message, ToolListChangedNotification):
            self.changed()

    @asynccontextmanager
    async def subscribed(self, client: Client) -> AsyncIterator[None]:
        """Subscribe to changes while the block lasts, if the server has subscriptions and notifies of changes."""
        tools = client.server_capabilities.tools
        task = asyncio.create_task(self._listen(client)) if tools is not None and tools.list_changed else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
                if not task.cancelled() and (error := task.exception()):
                    _log.warning("changes of an MCP server's tools are no longer read: %r", error)

    async def _listen(self, client: Client) -> None:
        from mcp import MCPError  # noqa: PLC0415 (a slow import)
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost  # noqa: PLC0415 (likewise)

        _leave_trace()
        tries, was_subscribed = 0, False
        while True:
            try:
                async with client.listen(tools_list_changed=True) as events:
                    tries, was_subscribed = 0, True
                    async for _ in events:
                        self.changed()
            except ListenNotSupportedError:
                return
            except (MCPError, SubscriptionLost, TimeoutError):
                if not was_subscribed:
                    return  # it does not have what it announces: the age of the list counts
                tries += 1
            self.changed()  # nobody repeats what happens before the next subscription
            await asyncio.sleep(backoff_seconds(tries + 1))


def _leave_trace() -> None:
    """Record no spans in this task: a subscription lasts as long as its session, not as the step that opened it."""
    opened_by = trace.get_current_span().get_span_context()
    unsampled = SpanContext(
        opened_by.trace_id, opened_by.span_id, is_remote=False, trace_flags=TraceFlags.get_default()
    )
    context.attach(trace.set_span_in_context(NonRecordingSpan(unsampled)))
