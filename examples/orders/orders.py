"""Reserves, pays and ships an order; after a failure or a cancellation, the completed steps are compensated."""

import asyncio
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field
from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from perdure.flow import Agent, Saga, note


class Order(BaseModel):
    order_id: str
    customer: str
    item: str
    pieces: int = Field(gt=0)
    cents: int = Field(gt=0)  # the whole price
    address: str
    reflection_seconds: float = 0  # how long a paid order may still be cancelled before it is shipped


class Cancellation(BaseModel):
    order_id: str
    reason: str = "the customer changed their mind"


class Outcome(BaseModel):
    order_id: str
    state: Literal["shipped", "cancelled"]
    parcel: str | None = None
    reason: str | None = None


@workflow.defn
class OrderProcessing:
    """Started by ``orders.placed``; ``orders.cancelled`` is its signal ``cancel``."""

    def __init__(self) -> None:
        self._work: asyncio.Task[str] | None = None
        self._cancelled: Cancellation | None = None

    @workflow.run
    async def run(self, order: Order) -> Outcome:
        if self._cancelled is None:  # a cancellation may arrive first
            self._work = asyncio.create_task(self._fulfil(order))
            try:
                return Outcome(order_id=order.order_id, state="shipped", parcel=await self._work)
            except (asyncio.CancelledError, FailureError) as error:
                if self._cancelled is None or not is_cancelled_exception(error):
                    raise
        return Outcome(order_id=order.order_id, state="cancelled", reason=self._cancelled.reason)

    async def _fulfil(self, order: Order) -> str:
        this = (order.order_id,)
        async with Agent("shop", server_names=["shop"]) as agent, Saga() as saga:
            shop = agent.tools
            await saga.run(shop.reserve, *this, order.item, order.pieces, undo=shop.release, undo_args=this)
            await saga.run(shop.pay, *this, order.customer, order.cents, undo=shop.refund, undo_args=this)
            await note(f"Order {order.order_id} is paid; it ships in {order.reflection_seconds:g} s")
            await workflow.sleep(timedelta(seconds=order.reflection_seconds))
            parcel = await saga.run(shop.ship, *this, order.address, undo=shop.cancel_shipment, undo_args=this)
        return str(parcel)

    @workflow.signal
    def cancel(self, cancellation: Cancellation) -> None:
        self._cancelled = self._cancelled or cancellation
        if self._work is not None:
            self._work.cancel()
