"""Runs are found by a business key: by ``perdure runs list --where``, and in Temporal's own page, by its HTTP API."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from tests.support.command_line import perdure_of, printed
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ATTRIBUTES = {
    "CustomerId": "data.customer",
    "Amount": {"value": "data.amount", "type": "double"},
    "Urgent": {"value": "data.urgent", "type": "bool"},
    "Tags": {"value": "data.tags", "type": "keyword_list"},
}
ROUTES = [
    {
        "name": "orders",
        "on": "work.patient",
        "start": "Patient",
        "input": "{}",
        "attributes": ATTRIBUTES,
        "flow": {"key": "data.customer"},
    },
    {"on": "work.quick", "start": "Quick"},
]


async def test_runs_are_found_by_a_business_key_here_and_in_temporals_own_page(world: OpenWorld) -> None:
    async with world(routes=ROUTES) as here:
        for number, (customer, amount) in enumerate([("ACME", 12.5), ("ACME", 900), ("Baker & Co", 900)]):
            data = {"customer": customer, "amount": amount, "urgent": number == 0, "tags": ["a", customer]}
            await here.publish("work.patient", json.dumps(data).encode(), Nats_Msg_Id=f"o{number}")
        await here.publish("work.quick", b"{}", Nats_Msg_Id="q")
        await here.publish("work.patient", b'{"customer": 1, "amount": "much", "urgent": true}', Nats_Msg_Id="odd")

        async def found(where: str, *more: str, count: int) -> set[str]:
            """Return what is found as soon as it is so many runs: Temporal's visibility lags."""
            async with asyncio.timeout(30):
                while True:
                    ended = await perdure_of(here.settings.state, "runs", "list", "--where", where, "--json", *more)
                    runs = {run["workflow_id"] for run in printed(ended)}
                    if len(runs) >= count:
                        return runs
                    await asyncio.sleep(0.2)

        assert await found('CustomerId = "ACME" AND PerdureRoute = "orders"', count=2) == {"orders~o0", "orders~o1"}
        assert await found('PerdureKey = "Baker & Co"', count=1) == {"orders~o2"}
        assert await found('PerdureEventId = "q"', count=1) == {"Quick~q"}
        assert await found("Amount > 100", count=2) == {"orders~o1", "orders~o2"}
        assert await found("Urgent = true", count=1) == {"orders~o0"}
        assert await found('Tags = "a"', "--state", "open", count=3) == {f"orders~o{number}" for number in range(3)}
        assert await found('Tags = "a"', "--state", "completed", count=0) == set()
        assert await found('Tags = "a"', "--event", "o2", count=1) == {"orders~o2"}

        refused = await perdure_of(here.settings.state, "runs", "list", "--where", 'Customer = "ACME"')
        assert refused.returncode == 2
        assert "no search attribute is called Customer: did you mean CustomerId?" in refused.stderr
        (dead_letter,) = await here.dead_letters(1)
        assert dead_letter.reason == "bad_expression"
        assert "`attributes.Amount: data.amount` gives 'much', which is no double: a number is needed" in (
            dead_letter.detail
        )

        page = await asyncio.to_thread(
            _of_page, str(here.suite.endpoints.temporal_ui), here.settings.temporal.namespace
        )
        assert {it["execution"]["workflowId"] for it in page} == {"orders~o0", "orders~o1"}


def _of_page(where: str, namespace: str) -> list[dict[str, Any]]:
    """Return the runs that Temporal's page shows for a customer."""
    query = quote("CustomerId = 'ACME'")
    with urlopen(f"{where}/api/v1/namespaces/{namespace}/workflows?query={query}") as answer:  # noqa: S310
        return list(json.load(answer)["executions"])
