"""The workflows of the state folder that is kept. FROZEN: its runs began with them."""

from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity, workflow

from perdure.flow import Agent, Approved, approval, note


class Parcel(BaseModel):
    item: str = "a hat"
    pieces: int = 1


@activity.defn
async def send(item: str) -> str:
    return f"{item} is on its way"


@workflow.defn
class Sending:
    """Asks before it sends."""

    @workflow.run
    async def run(self, parcel: Parcel) -> str:
        decision = await approval(f"Send {parcel.item}?", details=parcel, action={"send": parcel.item})
        if not isinstance(decision, Approved):
            return decision.outcome
        decision.authorises({"send": parcel.item})
        sent: str = await workflow.execute_activity(send, parcel.item, start_to_close_timeout=timedelta(minutes=1))
        await note(f"{decision.by} agreed")
        return sent


@workflow.defn
class Pickup:
    """Waits until somebody has collected the parcel, however long that takes."""

    def __init__(self) -> None:
        self._by = ""

    @workflow.run
    async def run(self, _: Parcel) -> str:
        await workflow.wait_condition(lambda: bool(self._by))
        return f"collected by {self._by}"

    @workflow.signal
    def collected(self, by: str) -> None:
        self._by = by


@workflow.defn
class Reminder:
    """Waits a minute."""

    @workflow.run
    async def run(self, parcel: Parcel) -> str:
        await workflow.sleep(60)
        return await workflow.execute_activity(send, parcel.item, start_to_close_timeout=timedelta(minutes=1))


@workflow.defn
class Describing:
    """Lets a model describe a parcel."""

    @workflow.run
    async def run(self, parcel: Parcel) -> int:
        text = await Agent("describer", instruction="You summarise texts.").llm.generate_str(
            f"Write a summary:\n\nThere are {parcel.pieces} pieces of {parcel.item} in this parcel."
        )
        return len(text)
