"""Does something every so often, for ever, also after errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio.service import RPCError

from perdure.errors import Unavailable

__all__ = ["repeat_for_ever"]

_log = logging.getLogger(__name__)


async def repeat_for_ever(action: Callable[[], Awaitable[None]], every: timedelta, *, what: str) -> None:
    """Call an action again and again.

    Args:
        action: The action.
        every: The pause after each call.
        what: What it does, for the log, such as ``reconcile endings``.
    """
    while True:
        try:
            await action()
        except (RPCError, Unavailable) as error:
            _log.warning("cannot %s now, trying again: %s", what, error)
        except Exception:  # noqa: BLE001 (the boundary: a defect of Perdure must not end the loop, and is logged)
            _log.exception("cannot %s", what)
        await asyncio.sleep(every.total_seconds())
