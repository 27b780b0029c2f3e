"""The workflow ``Basket`` of a test, as somebody has changed it: it waits for a day first."""

from datetime import timedelta

from temporalio import workflow


@workflow.defn(name="Basket")
class ChangedBasket:
    """Waits, and handles what the basket of before has handled."""

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.sleep(timedelta(days=1))
        return []

    @workflow.update
    async def add(self, item: str) -> int:
        return len(item)

    @workflow.signal
    def send(self) -> None: ...
