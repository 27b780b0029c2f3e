"""A user's workflows whose content no event names: they make it themselves."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import note

SOON = timedelta(seconds=60)


def planted() -> str:
    """Return the text that nobody without the keys may find."""
    return f"Tulpenzwiebeln-{int(str(4711))}"  # in no file: the code itself is kept in the state folder


def append_line() -> None:
    with Path(os.environ["WORKSHOP_LOG"]).open("a") as log:
        log.write(f"{activity.info().workflow_id} 0\n")


@activity.defn
async def order_bulbs(text: str) -> str:
    append_line()
    activity.heartbeat(text)
    await asyncio.sleep(0.3)
    return text * 500


@activity.defn
async def deliver(text: str) -> None:
    if activity.info().attempt == 1:
        raise ApplicationError(f"the van with {text} has broken down", {"load": text}, type="Breakdown")


@workflow.defn
class Florist:
    def __init__(self) -> None:
        self._closed = False

    @workflow.run
    async def run(self, data: dict[str, bool]) -> str:
        text = planted()
        workflow.upsert_memo({"about": text})
        ordered = await workflow.execute_activity(order_bulbs, text, start_to_close_timeout=SOON, summary=text)
        await workflow.execute_activity(deliver, text, start_to_close_timeout=SOON)
        await note(f"delivered {text}")
        if data.get("waits"):
            await workflow.wait_condition(lambda: self._closed)
        if data.get("fails"):
            raise ApplicationError(f"{text} has withered", {"of": text}, type="Withered")
        return ordered * 2

    @workflow.query
    def stock(self) -> str:
        return planted()

    @workflow.update
    def restock(self, when: str) -> str:
        return f"{planted()} {when}"

    @workflow.signal
    def close(self) -> None:
        self._closed = True
