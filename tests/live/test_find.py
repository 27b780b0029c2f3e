"""Runs and recorded messages are found by flow key, state and event, also those that Perdure ended from outside."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from temporalio.client import Client

from tests.support.command_line import perdure_of, printed
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

TENANT = "headers['x-tenant']"
ROUTES = [
    {"on": "work.patient", "start": "Patient", "flow": {"key": TENANT, "max_open_per_key": 5}},
    {"on": "work.quick", "start": "Quick", "flow": {"key": TENANT}},
    {"on": "work.chained", "start": "Chain"},
]


async def test_runs_and_records_are_found_by_key_state_and_event(world: OpenWorld) -> None:
    async with world(routes=ROUTES, orchestrator={"reconcile_every_seconds": 0.5}) as here:
        await here.publish("work.patient", b"{}", Nats_Msg_Id="given-up", X_Tenant="Baker & Co")
        await here.publish("work.quick", b"{}", Nats_Msg_Id="q1", X_Tenant="Baker & Co")
        await here.publish("work.quick", b"{}", Nats_Msg_Id="q2", X_Tenant="7")
        await here.publish("work.chained", b'{"steps": 1}', Nats_Msg_Id="c1")
        await here.publish("work.quick", b"{", Nats_Msg_Id="broken")
        await here.stories("Quick~q1", "Quick~q2", "Chain~c1")
        temporal = await Client.connect(here.suite.endpoints.temporal)
        await temporal.get_workflow_handle("Patient~given-up").terminate(reason="out of patience")
        await here.stories("Patient~given-up")

        async def found(*arguments: str) -> list[dict[str, Any]]:
            return printed(await perdure_of(here.settings.state, *arguments, "--json"))

        async def runs(*arguments: str) -> set[str]:
            return {run["workflow_id"] for run in await found("runs", "list", *arguments)}

        async def recorded(*arguments: str, count: int) -> list[tuple[str, str]]:
            """Return streams and texts of so many records, sorted: each stream is recorded by itself, a bit later."""
            async with asyncio.timeout(30):
                while len(records := await found("audit", "tail", "-n", "500", *arguments)) < count:
                    await asyncio.sleep(0.1)
            return sorted((record["stream"], record["text"].split()[0]) for record in records)

        assert await runs("--key", "Baker & Co") == {"Patient~given-up", "Quick~q1"}
        assert await runs("--key", "Baker & Co", "--state", "terminated") == {"Patient~given-up"}
        assert await runs("--key", "7", "--workflow", "Quick") == {"Quick~q2"}
        assert await runs("--key", "Beta") == set()
        assert set(await recorded("--key", "7", count=7)) == {
            ("COMMANDS", "start"),
            *(("PROGRESS", kind) for kind in ("started", "step_started", "step_completed", "completed")),
        }
        assert await recorded("--state", "terminated", count=1) == [("PROGRESS", "terminated")]
        assert await recorded("--event", "given-up", count=6) == [
            ("COMMANDS", "start"),
            ("EVENTS", "given-up"),
            ("PROGRESS", "started"),
            ("PROGRESS", "terminated"),
            *[("VERDICTS", "given-up")] * 2,  # held, then released
        ]
        assert await recorded("--event", "broken", count=3) == [
            ("DLQ", "not_json:"),
            ("EVENTS", "broken"),
            ("VERDICTS", "broken"),
        ]
