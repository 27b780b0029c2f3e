"""A user's workflow for live tests: its second step fails while a file says that the key is revoked."""

import os
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from perdure.flow import Saga

SOON = timedelta(seconds=20)


def note(step: str) -> None:
    with Path(os.environ["WORKSHOP_LOG"]).open("a") as log:
        log.write(f"{activity.info().workflow_id} {step}\n")


def revoked() -> bool:
    return Path(os.environ["WORKSHOP_LOG"]).with_name("revoked").exists()


@activity.defn
def charge(amount: int) -> int:
    note("charge")
    return amount


@activity.defn
def look_up(amount: int) -> int:
    note("ask")
    if revoked():
        raise ApplicationError("The provider refuses the key", type="ModelKeyRefused", non_retryable=True)
    return amount * 2


@activity.defn
def refund(_: int) -> None:
    note("refund")


@activity.defn
def ship(amount: int) -> int:
    note("ship")
    return amount


@workflow.defn
class Order:
    @workflow.run
    async def run(self, data: dict[str, int]) -> int:
        charged: int = await workflow.execute_activity(charge, data["amount"], start_to_close_timeout=SOON)
        found: int = await workflow.execute_activity(look_up, charged, start_to_close_timeout=SOON)
        return await workflow.execute_activity(ship, found, start_to_close_timeout=SOON)


@workflow.defn
class SagaOrder:
    @workflow.run
    async def run(self, data: dict[str, int]) -> int:
        async with Saga() as saga:
            charged: int = await saga.run(charge, data["amount"], undo=refund)
            found: int = await saga.run(look_up, charged)
        return found


@workflow.defn
class Waits:
    """Waits for a signal, then takes a step."""

    def __init__(self) -> None:
        self._goes = False

    @workflow.run
    async def run(self, data: dict[str, int]) -> int:
        await workflow.wait_condition(lambda: self._goes)
        return await workflow.execute_activity(ship, data["amount"], start_to_close_timeout=SOON)

    @workflow.signal
    def go(self) -> None:
        self._goes = True
