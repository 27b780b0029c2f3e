"""Calls of a server with state and of one without, before and after a worker has ended. FROZEN, see the package."""

from collections.abc import Awaitable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from perdure.flow import Agent


@workflow.defn
class Jotting:
    """Jots lines down on a desk of its own, and asks a shop for a price, before and after a signal."""

    def __init__(self) -> None:
        self._goes_on = False

    @workflow.signal
    def go_on(self) -> None:
        self._goes_on = True

    @workflow.run
    async def run(self) -> list[str]:
        clerk = Agent("clerk", server_names=["desk", "shop"])
        texts = [await _text(clerk.tools.jot(line="one")), await _text(clerk.tools.price(item="hat"))]
        await workflow.wait_condition(lambda: self._goes_on)
        texts.append(await _text(clerk.tools.price(item="coat")))
        texts += [await _text(clerk.tools.jot(line=line)) for line in ("two", "three", "four")]
        texts.append(await _text(clerk.resources.read("desk://lines")))
        return texts


async def _text(found: Awaitable[Any]) -> str:
    try:
        return str(await found)
    except (ActivityError, ApplicationError) as error:
        cause = error.cause if isinstance(error, ActivityError) else error
        return str(getattr(cause, "type", cause))
