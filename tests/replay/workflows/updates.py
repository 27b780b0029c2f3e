"""Runs that take updates. FROZEN, see the package."""

from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity, workflow

from perdure.flow import note


class Item(BaseModel):
    name: str
    count: int = 1


@activity.defn
async def price(item: str) -> str:
    return f"{item} costs 3"


@workflow.defn
class Cart:
    """Takes items until it is closed."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._is_closed = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self._is_closed and workflow.all_handlers_finished())
        return self._items

    @workflow.update
    async def add(self, item: Item, comment: str = "") -> str:
        await note(f"adds {item.name}")
        cost: str = await workflow.execute_activity(price, item.name, start_to_close_timeout=timedelta(minutes=1))
        self._items.append(f"{item.count} {item.name}{comment}")
        return cost

    @workflow.update
    async def open(self) -> int:
        await workflow.sleep(60)
        return len(self._items)

    @workflow.update
    def close(self) -> int:
        self._is_closed = True
        return len(self._items)
