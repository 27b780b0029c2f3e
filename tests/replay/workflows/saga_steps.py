"""Sagas that are cancelled while a step runs. FROZEN, see the package."""

import asyncio

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import Agent, Saga


@activity.defn
async def charge_card(order: str) -> str:
    await asyncio.sleep(3600 if order == "hat" else 0)
    return f"receipt of {order}"


@activity.defn
async def charge_for_sure(order: str) -> str:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return f"receipt of {order}"
    raise AssertionError


@activity.defn
async def refund_receipt(order: str, receipt: str | None) -> str:
    return f"refunded {order}, {receipt}"


async def buy_slowly(order: str) -> str:
    """Buy something."""
    await asyncio.sleep(3600)
    return order


async def give_back(order: str) -> None:
    """Give something back."""
    if order == "whale":
        raise ValueError("nobody takes a whale")


@workflow.defn
class Charging:
    """Charges by an activity; the undo gets the receipt."""

    @workflow.run
    async def run(self, order: str, step: str) -> None:
        async with Saga() as saga:
            await saga.run(step, order, undo=refund_receipt, undo_args=lambda receipt: (order, receipt))
            raise ApplicationError("no", non_retryable=True)


@workflow.defn
class BuyingSlowly:
    """Buys by an agent's tool."""

    @workflow.run
    async def run(self, order: str) -> None:
        async with Agent("buyer", functions=[buy_slowly, give_back]) as buyer, Saga() as saga:
            await saga.run(buyer.tools.buy_slowly, order, undo=buyer.tools.give_back)
