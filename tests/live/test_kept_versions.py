"""The code of former versions is kept for as long as somebody may go back to it, and runs when a run needs it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import uuid4

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from perdure.local.version_state import version_state
from perdure.values.rollout import Finished, Promoted, Retired, RolloutEvent, RolloutRequest
from tests.support.command_line import perdure_of
from tests.support.suite import WORKSHOP, World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

OLD = WORKSHOP.read_text()
NEW = f"{OLD}\nVERSION = 'two'\n"
RUN = "Chain~one"


async def retirement(seen: list[RolloutEvent], build: str) -> None:
    async with asyncio.timeout(60):
        while Retired(build=build) not in seen:
            await asyncio.sleep(0.2)


async def test_a_dry_run_changes_nothing_and_a_former_version_stays_ready_to_go_back_to(world: OpenWorld) -> None:
    seen: list[RolloutEvent] = []
    async with world(report_rollout=seen.append, replicas={"orchestrator": 2}) as live:
        kept, one, names = live.settings.state / "versions", live.suite.rollouts.build, live.suite.supervisor.names
        await live.deploy(NEW)
        two = live.suite.rollouts.build
        await retirement(seen, one)
        before = changeable(live)

        (live.folder / "prompt.txt").write_text("Greet them.\n")
        with (live.folder / "perdure.yaml").open("a") as configuration:
            configuration.write("ingest: {max_payload_bytes: 1000}\n")
        same = await live.deploy(NEW, dry_run=True)
        former = await live.deploy(OLD, dry_run=True)
        after = changeable(live)
        back = await live.roll_out(RolloutRequest(build=one))

        assert {link.name for link in kept.iterdir() if link.is_symlink()} == {one, two}
        assert sorted(name for name in live.suite.supervisor.names if "@" not in name) == sorted(names)
    assert [(event.build, event.dry_run) for event in (same[-1], former[-1]) if isinstance(event, Finished)] == [
        (two, True),
        (one, True),
    ]
    assert after == before
    assert isinstance(back[-1], Finished), back


def changeable(live: World) -> dict[str, object]:
    """Return what a deploy may change: processes, snapshots, and the configuration of the services and of versions."""
    state = live.settings.state
    supervisor = live.suite.supervisor
    return {
        **{name: (supervisor.pid(name), supervisor.restarts(name)) for name in supervisor.names},
        **{str(link): str(link.readlink()) for link in (state / "versions").iterdir() if link.is_symlink()},
        **{str(file): file.read_text() for file in configurations(state)},
    }


def configurations(state: Path) -> list[Path]:
    kept = state / "configuration"
    return [kept / "perdure.yaml", *sorted((kept / "builds").rglob("perdure.yaml"))]


async def test_a_version_that_was_retired_starts_again_when_a_run_returns_to_it(world: OpenWorld) -> None:
    seen: list[RolloutEvent] = []
    async with world(report_rollout=seen.append) as live:
        one = live.suite.rollouts.build
        await live.publish("work.chained", b'{"steps": 2}', Nats_Msg_Id="one")
        await live.completed(1)
        await live.deploy(NEW)
        await retirement(seen, one)
        client = await Client.connect(live.suite.endpoints.temporal)

        run = await reset_to_the_middle(client)
        result = await asyncio.wait_for(client.get_workflow_handle(RUN, run_id=run).result(), 90)
        seen.clear()
        await retirement(seen, one)

    assert result == 2
    assert live.executions() == {RUN: [0, 1, 1]}


async def test_the_processes_follow_a_promotion_by_hand(world: OpenWorld) -> None:
    seen: list[RolloutEvent] = []
    async with world(report_rollout=seen.append) as live:
        one, names = live.suite.rollouts.build, live.suite.supervisor.names
        await live.publish("work.patient", b"{}", Nats_Msg_Id="open")  # it may be moved, and go back by hand
        await live.deploy(NEW)
        two = live.suite.rollouts.build

        promoted = await perdure_of(live.settings.state, "versions", "promote", one)
        assert promoted.returncode == 0, promoted.stderr
        async with asyncio.timeout(60):
            while Promoted(build=one, before=two) not in seen:
                await asyncio.sleep(0.2)
        await live.publish("work.quick", b"{}", Nats_Msg_Id="one")
        await live.stories("Quick~one")

        assert live.suite.rollouts.build == one
        assert set(names) <= set(live.suite.supervisor.names)


async def reset_to_the_middle(client: Client) -> str:
    """Let the run go on once more from after its first step; returns Temporal's id of the new run."""
    history = await client.get_workflow_handle(RUN).fetch_history()
    tasks = [it.event_id for it in history.events if it.HasField("workflow_task_completed_event_attributes")]
    request = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=RUN),
        reason="a test",
        workflow_task_finish_event_id=tasks[1],
        request_id=uuid4().hex,
    )
    return (await client.workflow_service.reset_workflow_execution(request)).run_id


async def test_an_orchestrator_is_ready_once_its_bridge_takes_messages(world: OpenWorld) -> None:
    async with world() as live:
        state = await version_state(live.suite.endpoints.services["orchestrator"])

    assert state is not None
    assert state.is_current
