"""Rollouts on a real Temporal server, of which some meet another, or come to nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import VersionChanged
from perdure.errors import NotFound, PerdureError
from perdure.values.replay import RunReplay
from perdure.values.rollout import Finished, RolloutEvent, RolloutRequest
from perdure.versions.places import Place, open_places
from perdure.versions.version_runs import VersionRuns
from perdure_orchestrator.rollout import rollout as rollouts
from perdure_orchestrator.rollout.open_runs import ProvenRuns
from perdure_orchestrator.rollout.rollout import Rollout
from tests.support.versioned import House, Orchestrator, shared_server, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Following:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


server = shared_server()


@pytest.fixture
def house(server: WorkflowEnvironment) -> House:
    return House(server)


async def nothing(_: VersionChanged | None = None) -> None:
    """Record nothing, and let a rollout go on at once."""


def rollout(  # noqa: PLR0913 (the ports of a rollout)
    house: House,
    build: str,
    events: list[RolloutEvent],
    *,
    replays: bool = True,
    record: Callable[[VersionChanged], Awaitable[None]] = nothing,
    go_ahead: Callable[[], Awaitable[None]] = nothing,
) -> Rollout:
    """Return the rollout of a build that every open run replays against, or none."""
    client = house.server.client

    async def replay() -> list[RunReplay]:
        return [
            RunReplay(run=place.workflow_id, run_id=place.run_id, workflow="Waiting", replays=replays)
            for place in await open_places(client, house.queue)
        ]

    runs = ProvenRuns(partial(open_places, client, house.queue), build, replay)
    version_runs = VersionRuns(client, house.deployment, house.queue)
    return Rollout(house.acts, version_runs, runs, record=record, report=events.append, go_ahead=go_ahead)


async def place(house: House, matches: Callable[[Place], bool]) -> Place:
    """Wait until the only open run is as expected; Temporal's list lags."""
    async with asyncio.timeout(30):
        while True:
            found = await open_places(house.server.client, house.queue)
            if len(found) == 1 and matches(found[0]):
                return found[0]
            await asyncio.sleep(0.1)


async def current(first: Orchestrator) -> None:
    await until(lambda: first.own.is_current)


async def test_of_two_rollouts_at_once_the_second_to_promote_is_refused(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await current(first)
        async with house.orchestrator("b2", Waiting), house.orchestrator("b3", Waiting):
            finished: list[RolloutEvent] = []

            async def meanwhile() -> None:
                await rollout(house, "b3", finished).run(RolloutRequest())

            with pytest.raises(PerdureError, match="b2 was not promoted: b3 has become current meanwhile, by ann"):
                await rollout(house, "b2", [], go_ahead=meanwhile).run(RolloutRequest())

            assert await house.acts.current() == "b3"
            assert isinstance(finished[-1], Finished)


async def test_a_rollout_moves_no_run_once_another_version_was_promoted(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await current(first)
        await first.start("Waiting")
        await place(house, lambda it: it.last == "b1")
        async with house.orchestrator("b2", Waiting), house.orchestrator("b3", Waiting):

            async def promote_another(_: VersionChanged) -> None:
                await house.acts.promote("b3", within=60)

            with pytest.raises(PerdureError, match="b3 was promoted while this deploy moved runs to b2: 0 were"):
                await rollout(house, "b2", [], record=promote_another).run(RolloutRequest())

            assert (await place(house, lambda _: True)).build == "b1"


async def test_a_promotion_that_meets_another_is_not_repeated_over_it(house: House) -> None:
    async with house.orchestrator("b1", Waiting) as first:
        await current(first)
        async with house.orchestrator("b2", Waiting), house.orchestrator("b3", Waiting):
            await house.acts.promote("b3", within=60)

            with pytest.raises(PerdureError, match="b3 has become current meanwhile"):
                await house.acts.promote("b2", within=60, after=("b1",))

            assert await house.acts.current() == "b3"


async def test_a_run_that_follows_is_not_held_back_by_a_promotion_that_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "_POLLS_WITHIN", 0)
    async with house.orchestrator("b1", Following) as first:
        await current(first)
        await first.start("Following")
        await place(house, lambda it: it.floats)

        with pytest.raises(NotFound, match="has no version b9"):
            await rollout(house, "b9", [], replays=False).run(RolloutRequest())

        assert (await place(house, lambda _: True)).floats


async def test_a_run_that_was_held_back_follows_again_once_its_version_is_rolled_out(house: House) -> None:
    async with house.orchestrator("b1", Following) as first:
        await current(first)
        await first.start("Following")
        run = await place(house, lambda it: it.floats)
        held = VersionRuns(house.server.client, house.deployment, house.queue)
        await held.move(run.workflow_id, run.run_id, "b1", stays=True)
        assert (await place(house, lambda _: True)).is_held

        await rollout(house, "b1", []).run(RolloutRequest())

        assert (await place(house, lambda _: True)).floats
