"""A paused run is an open run: it is listed, described, moved and replayed as the others are."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryKeyValue, RawMessage
from perdure.bus.views.run_list import RunFilter, list_runs
from perdure.bus.views.stuck_runs import stuck_runs
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import OPEN, describe_execution, each_execution
from perdure.contracts import EventReference, StartWorkflow
from perdure.contracts.runs import DESCRIBE_RUN, RunDescription, RunQuery, StuckRun
from perdure.errors import InvalidMessage, PerdureError
from perdure.run_requests.answer import ask
from perdure.values.run_request import RunRequest
from perdure.verify.runs import list_executions
from perdure.versions.places import open_places
from perdure.versions.version_runs import RunMove, VersionRuns
from perdure_orchestrator.description import describe
from perdure_orchestrator.endings import EndedRuns
from perdure_orchestrator.mended_runs import MendedRuns
from perdure_orchestrator.open_runs import OpenRunFacts
from perdure_orchestrator.reconciler import Reconciler
from perdure_orchestrator.replay.temporal_corpus import temporal_runs
from perdure_orchestrator.run_client import RunClient
from tests.support.pausing import ALLOWS_PAUSES, pause, unpause
from tests.support.versioned import House, Orchestrator, build_of, ended, shared_server, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Waiting:
    def __init__(self) -> None:
        self._may_end = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._may_end)
        return "ended"

    @workflow.signal
    def end(self) -> None:
        self._may_end = True

    @workflow.query
    def doubled(self, number: int) -> int:
        return 2 * number

    @workflow.update
    def tripled(self, number: int) -> int:
        return 3 * number


server = shared_server(*ALLOWS_PAUSES)


@dataclass(frozen=True, slots=True)
class Place:
    """A run of the first version, and the house in which it is."""

    house: House
    first: Orchestrator
    run: WorkflowHandle[Any, Any]

    @property
    def runs(self) -> VersionRuns:
        return VersionRuns(self.house.server.client, self.house.deployment, self.house.queue)

    async def asked(self, kind: Any, name: str) -> tuple[str, Any]:
        request = RunRequest(workflow_id=self.run.id, kind=kind, name=name, args=[7], within=20)
        found = await ask(self.first.client, request)
        return found.verdict, found.result if found.result is not None else found.error

    async def settled(self) -> None:
        """Wait until Temporal lists the run with its version: its lists lag."""
        async with asyncio.timeout(60):
            while await self.runs.count("b1") != 1:
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture(loop_scope="session")
async def place(server: WorkflowEnvironment) -> AsyncIterator[Place]:
    house = House(server)
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)
        run = await first.start("Waiting", memo={"perdure_event_id": "e1"})
        place = Place(house, first, run)
        assert await place.asked("query", "doubled") == ("answered", 14)
        await place.settled()
        await pause(first.client, run)
        await _listed_as_paused(place)
        yield place


async def _listed_as_paused(place: Place) -> None:
    async with asyncio.timeout(60):
        while [it.status for it in await _listed(place)] != ["PAUSED"]:
            await asyncio.sleep(0.1)


async def _listed(place: Place) -> list[Any]:
    query = f"TaskQueue = '{place.house.queue}' AND {OPEN}"
    return [it async for it in each_execution(place.first.client, query)]


async def test_it_is_listed_and_described_with_all_that_is_known(place: Place) -> None:
    (listed,) = await _listed(place)
    described = await describe_execution(place.first.client, place.run.id)

    for found in (listed, described):
        assert (found.workflow_id, found.workflow_type, found.status) == (place.run.id, "Waiting", "PAUSED")
        assert (found.is_open, await found.memo("perdure_event_id"), await found.memo("none")) == (True, "e1", None)
    assert [it.status for it in await list_executions(place.first.client, [place.house.queue])] == ["PAUSED"]


async def test_people_see_that_it_is_paused(place: Place) -> None:
    body = RunQuery(workflow_id=place.run.id).model_dump_json().encode()

    answer = await describe(place.first.client, RawMessage(DESCRIBE_RUN, body, {}))

    assert RunDescription.model_validate_json(answer).status == "PAUSED"


@pytest.mark.parametrize(("kind", "name"), [("query", "doubled"), ("update", "tripled")])
async def test_a_question_to_it_is_refused_with_a_sentence_until_it_goes_on(place: Place, kind: str, name: str) -> None:
    verdict, why = await place.asked(kind, name)
    assert (verdict, place.run.id in why, "is paused" in why) == ("refused", True, True)

    await unpause(place.first.client, place.run)
    assert await place.asked(kind, name) == ("answered", 14 if kind == "query" else 21)


async def test_no_version_is_retired_under_it(place: Place) -> None:
    async with place.house.orchestrator("b2", Waiting):
        promoted = await place.house.acts.promote("b2", within=60)
        assert promoted.left == 1
        await until(lambda: place.first.own.open_runs == 1)

        with pytest.raises(PerdureError, match=f"1 run is open on b1: {place.run.id}"):
            await place.house.acts.retire("b1")


async def test_it_is_moved_to_new_code_and_goes_on_there(place: Place) -> None:
    async with place.house.orchestrator("b2", Waiting):
        (found,) = await open_places(place.first.client, place.house.queue)
        assert (found.workflow_id, found.build, found.last) == (place.run.id, "b1", "b1")

        moved = await place.runs.move(place.run.id, found.run_id, "b2", within=60)
        assert moved == RunMove(place.run.id, found.run_id, "moved")
        assert [it.build for it in await open_places(place.first.client, place.house.queue)] == ["b2"]

        await unpause(place.first.client, place.run)
        assert await ended(place.run) == "ended"
        assert await build_of(place.run) == "b2"


async def test_one_without_a_version_goes_to_the_first_one(server: WorkflowEnvironment) -> None:
    house = House(server)
    async with house.orchestrator(None, Waiting) as old:
        run = await old.start("Waiting")
        assert await run.query("doubled", 1) == 2
        await pause(old.client, run)
        runs = VersionRuns(old.client, house.deployment, house.queue)
        async with asyncio.timeout(60):
            while await runs.count(None) != 1:
                await asyncio.sleep(0.1)
    async with house.orchestrator("b1", Waiting) as first:
        await until(lambda: first.own.is_current)

        await runs.adopt("b1", within=60)
        await unpause(first.client, run)

        assert await ended(run) == "ended"
        assert await build_of(run) == "b1"


async def test_its_history_is_replayed_with_those_of_the_other_open_runs(place: Place) -> None:
    (found,) = [it async for it in temporal_runs(place.first.client, place.house.queue, None)]

    assert (found.run, found.build) == (place.run.id, "b1")
    assert await found.load() is not None


async def test_its_newest_fact_is_kept_and_it_has_no_ending(place: Place) -> None:
    bus, settings = MemoryBus(), TemporalSettings(task_queue=place.house.queue)
    await OpenRunFacts(place.first.client, bus, settings).renew(silent=timedelta())
    house = Reconciler(place.first.client, bus, settings, entries=MemoryKeyValue(), ended=EndedRuns())
    await house.reconcile()

    page = await list_runs(bus, RunFilter(state="open"))
    assert [(fact.workflow_id, fact.kind, fact.event_id) for fact in page.runs] == [(place.run.id, "started", "e1")]


async def test_another_event_of_its_id_is_refused(place: Place) -> None:
    client = RunClient(place.first.client, TemporalSettings(task_queue=place.house.queue))
    start = StartWorkflow(
        route="waiting",
        workflow="Waiting",
        workflow_id=place.run.id,
        input=None,
        digest="0" * 64,
        event=EventReference(id="e2", source="tests", type="waiting", stream_sequence=2),
    )

    with pytest.raises(InvalidMessage) as refused:
        await client.start(start)

    assert refused.value.reason == "run_exists"


async def test_stuck_runs_are_compared_with_it(place: Place) -> None:
    bus, found = MemoryBus(), await describe_execution(place.first.client, place.run.id)
    stuck = StuckRun(
        workflow="Waiting",
        workflow_id=place.run.id,
        run_id=found.run_id,
        error="KeyError: 'name'",
        since=datetime.now(UTC),
    )
    await bus.publish_raw(RawMessage(stuck.subject, stuck.model_dump_json().encode(), {}))

    await MendedRuns(place.first.client, bus).forget()

    assert await stuck_runs(bus) == []  # no task of it fails
