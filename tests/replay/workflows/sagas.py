"""Steps that stand or fall together. FROZEN, see the package."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.flow import Agent, Approved, Saga, approval

TWICE = RetryPolicy(maximum_attempts=2, initial_interval=timedelta(seconds=1))


@activity.defn
async def reserve(order: str) -> str:
    return f"reservation of {order}"


@activity.defn
async def release(order: str) -> None:
    if order == "stuck":
        raise ValueError("the shelf is closed")


@activity.defn
async def pay(order: str) -> None:
    if order == "dear":
        raise ApplicationError("the card was declined", non_retryable=True)


@activity.defn
async def refund(order: str) -> None: ...


@activity.defn
async def ship(order: str) -> str:
    if order != "fine":
        raise ApplicationError("nobody ships that", non_retryable=True)
    return "parcel"


@activity.defn
async def mark(what: str) -> str:
    return what


@workflow.defn
class Ordering:
    """Reserves, pays, buys with an agent's tool, waits as long as it shall, and ships."""

    @workflow.run
    async def run(self, order: str, wait_seconds: float) -> str:
        async with (
            Agent("buyer", server_names=["shop"]) as buyer,
            Saga(retry_policy=TWICE, undo_retry_policy=TWICE) as saga,
        ):
            reserved = await saga.run(reserve, order, undo=release)
            await saga.run(pay, order, undo="refund", undo_args=(order,))
            await saga.run(buyer.tools.buy, order, undo=buyer.tools.give_back, undo_args=(order,))
            if wait_seconds:
                await workflow.sleep(wait_seconds)
            await saga.run(ship, order)
        return str(reserved)


@workflow.defn
class UndoingByAsking:
    """Undoes one of its steps only once somebody has agreed."""

    @workflow.run
    async def run(self) -> None:
        async with Saga() as saga:
            await saga.run(mark, "reserved", undo=mark, undo_args=("released",))
            await saga.run(mark, "paid", undo=self.refund, undo_args=())
            raise ApplicationError("no", non_retryable=True)

    async def refund(self) -> None:
        decision = await approval("Refund?", remind_every=timedelta(days=1))
        words = "refunded" if isinstance(decision, Approved) else "kept"
        await workflow.execute_activity(mark, words, start_to_close_timeout=timedelta(minutes=1))


@workflow.defn
class GoingOn:
    """Undoes what it did, which takes an hour, and then asks what else to do."""

    @workflow.run
    async def run(self) -> str:
        try:
            async with Saga() as saga:
                await saga.run(mark, "paid", undo=self.wait_and_refund, undo_args=())
                self.fail()
        except ApplicationError:
            decision = await approval("What now?", timeout=timedelta(hours=1))
        return decision.outcome

    async def wait_and_refund(self) -> None:
        await workflow.sleep(3600)
        await workflow.execute_activity(mark, "refunded", start_to_close_timeout=timedelta(minutes=1))

    def fail(self) -> None:
        raise ApplicationError("no", non_retryable=True)
