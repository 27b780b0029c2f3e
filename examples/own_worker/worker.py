"""A temporalio worker written by hand. Perdure's plugin lets its workflows use agents and approvals."""

import asyncio

from refunds import Refund, pay_back
from temporalio.client import Client
from temporalio.worker import Worker

from perdure.config.loader import load_settings
from perdure.local.discovery import discover
from perdure_orchestrator.plugin import PerdurePlugin


async def main() -> None:
    settings = load_settings()
    nats, temporal = discover(settings, role="orchestrator")  # of the suite in this folder, else as configured
    plugin = PerdurePlugin(settings.model_copy(update={"nats": nats}))
    client = await Client.connect(f"{temporal.host}:{temporal.port}", namespace=temporal.namespace, plugins=[plugin])
    async with Worker(client, task_queue="refunds", workflows=[Refund], activities=[pay_back]):
        print("The worker serves the task queue refunds.", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
