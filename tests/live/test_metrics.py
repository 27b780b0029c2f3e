"""What the services of a real suite expose is what the page of metrics lists."""

import asyncio

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from perdure.local.services import SERVICES
from perdure.local.state import read_endpoints
from perdure.telemetry.catalogue import METRICS
from perdure.telemetry.metrics_of_parts import METRICS_OF_PARTS, PREFIXES
from tests.support.reviewers import Reviewers
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

METERED = """
from temporalio import workflow
from perdure.flow import Agent


@workflow.defn
class Metered:
    @workflow.run
    async def run(self, _: dict[str, int]) -> str:
        async with Agent("writer", instruction="You summarise texts.") as writer:
            return await writer.llm.generate_str("Perdure keeps runs alive. It does so on NATS.")
"""

live = shared_world(
    modules={"metered.py": METERED},
    workflows=["workshop", "metered"],
    routes=[
        {"on": "work.asking", "start": "Asking"},
        {"on": "work.chained", "start": "Chain"},
        {"on": "work.metered", "start": "Metered"},
    ],
    notifier={"channels": {"hook": {"webhook": {"url": "http://127.0.0.1:9/"}}}},
)

Scraped = dict[str, dict[str, set[str]]]


async def scraped(world: World) -> Scraped:
    """Return the labels that the metrics of each service have, by service and name; a counter may not have begun."""
    found: Scraped = {}
    endpoints = read_endpoints(world.settings.state)
    assert endpoints is not None
    addresses = endpoints.services
    async with httpx2.AsyncClient(trust_env=False) as client:
        for service in SERVICES:
            text = (await client.get(f"{addresses[service]}/metrics")).raise_for_status().text
            families = found.setdefault(service, {})
            for family in text_string_to_metric_families(text):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                families[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    return found


async def test_a_suite_exposes_what_the_page_of_metrics_lists(live: World) -> None:
    people = await Reviewers.of(live)
    await people.request("one")
    await live.publish("work.nobody", b"{}")
    await live.publish("work.chained", b'{"steps": 2}')
    await live.publish("work.metered", b"{}")
    await live.dead_letters(1)
    await people.send("one", people.decision("one", "ada"))
    await live.completed(3)
    expected = {(service, it.name) for it in METRICS for service in it.services if not it.rare}
    expected |= {(service, it.name) for it in METRICS_OF_PARTS for service in it.services if not it.rare}
    async with asyncio.timeout(30):
        while expected - {(service, name) for service, names in (await scraped(live)).items() for name in names}:
            await asyncio.sleep(0.5)

    found = await scraped(live)
    known = {it.name: it for it in (*METRICS, *METRICS_OF_PARTS)}
    for service, names in found.items():
        assert [it for it in names if it not in known and not it.startswith(PREFIXES)] == []
        for name in set(names) & {it.name for it in METRICS}:
            assert names[name] in (set(known[name].labels), set())
            assert service in known[name].services
    assert found["orchestrator"]["perdure_tokens_total"] == {"agent", "model", "direction"}
    assert found["ingest"]["perdure_dead_letters_total"] == {"service", "reason"}
