"""Each act of an operator on runs, routes and the suite stands on ADMIN and in the audit record, with who and why."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from perdure.bus import decode
from perdure.contracts import PauseChanged, RunActed, ScheduleChanged
from perdure.local.approver import login_name
from tests.support.command_line import perdure_of
from tests.support.eventually import eventually
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

CODE = Path(__file__).parents[1] / "support" / "keyed.py"
ROUTES = [
    {"on": "order.placed", "start": "Order"},
    {"on": "waits.begun", "start": "Waits"},
    {"cron": "0 6 1 1 *", "name": "Yearly", "start": "Waits", "input": "{}"},
]
WAITING: Final = ("paused", "signalled", "signalled-2", "cancelled", "cancelled-2", "terminated")
ACTS: Final = {  # what is recorded, by command
    ("runs", "pause", "Waits~paused"): "paused Waits~paused",
    ("runs", "resume", "Waits~paused"): "resumed Waits~paused",
    ("runs", "signal", "Waits~signalled", "go"): "signalled Waits~signalled",
    ("runs", "signal", "--where", "WorkflowId = 'Waits~signalled-2'", "go", "--yes"): "signalled Waits~signalled-2",
    ("runs", "cancel", "Waits~cancelled"): "cancelled Waits~cancelled",
    ("runs", "cancel", "--where", "WorkflowId = 'Waits~cancelled-2'", "--yes"): "cancelled Waits~cancelled-2",
    ("runs", "terminate", "Waits~terminated"): "terminated Waits~terminated",
    ("runs", "retry", "Order~failed"): "retried Order~failed",
    ("runs", "rerun", "Order~failed-2"): "rerun Order~failed-2",
    ("routes", "pause", "Waits"): "paused route/Waits",
    ("routes", "resume", "Waits"): "resumed route/Waits",
    ("pause",): "paused suite",
    ("resume",): "resumed suite",
}


async def test_each_act_is_recorded_with_who_and_why(world: OpenWorld) -> None:
    async with world(workflows=["keyed"], routes=ROUTES, modules={"keyed.py": CODE.read_text()}) as here:
        state = here.settings.state
        (here.folder / "revoked").touch()
        for run in WAITING:
            await here.publish("waits.begun", b'{"amount": 3}', Nats_Msg_Id=run)
        for run in ("failed", "failed-2"):
            await here.publish("order.placed", b'{"amount": 3}', Nats_Msg_Id=run)
        await here.stories("Order~failed", "Order~failed-2")
        await eventually(lambda: all_begun(here))
        refused = {}
        for number, command in enumerate(ACTS):
            done = await perdure_of(state, *command, "--reason", f"reason {number}")
            if done.returncode != 0:
                refused[command] = done.stderr
        recorded = {what: (by, why) for what, by, why in await acts(here)}
        (schedule,) = [decode(it.raw) async for it in here.bus.read("admin.schedule.>")]
        audited = await eventually(lambda: tail(here, len(ACTS) - 1), within=60)

    assert refused == {}
    assert recorded == {what: (login_name(), f"reason {number}") for number, what in enumerate(ACTS.values())}
    assert isinstance(schedule, ScheduleChanged)
    assert (schedule.by, schedule.act, schedule.route) == ("perdure/orchestrator", "created", "Yearly")
    assert [number for number in range(len(ACTS)) if f"reason {number}" not in audited] == []
    assert "created the schedule of Yearly, 0 6 1 1 * UTC, by the routes " in audited


async def acts(here: World) -> list[tuple[str, str, str]]:
    """Return what was done to what, by whom and why, of all that ADMIN has of runs and pauses."""
    found = [decode(it.raw) async for it in here.bus.read("admin.>")]
    of_runs = [(f"{it.act} {it.workflow_id}", it.by, it.reason) for it in found if isinstance(it, RunActed)]
    return of_runs + [(f"{it.act} {it.what}", it.by, it.reason) for it in found if isinstance(it, PauseChanged)]


async def all_begun(here: World) -> bool:
    return {f"Waits~{run}" for run in WAITING} <= set(await here.facts())


async def tail(here: World, last: int) -> str | None:
    """Return what audit has recorded on ADMIN, once the last act is there."""
    shown = await perdure_of(here.settings.state, "audit", "tail", "--stream", "ADMIN", "--limit", "100")
    return shown.stdout if f"reason {last}" in shown.stdout else None
