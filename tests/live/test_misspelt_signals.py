"""A misspelt signal, of the command line or of a route, is a note on its run that names the nearest signal."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.support.command_line import perdure_of
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

DECIDING = """
from temporalio import workflow


@workflow.defn
class Deciding:
    def __init__(self) -> None:
        self._by: str | None = None

    @workflow.run
    async def run(self, _: dict[str, str]) -> str | None:
        await workflow.wait_condition(lambda: self._by is not None)
        return self._by

    @workflow.signal
    def approve(self, by: str) -> None:
        self._by = by
"""
ROUTES = [
    {"on": "work.begun", "start": "Deciding", "workflow_id": "{id}"},
    {"on": "work.approved", "signal": "aprove", "workflow_id": "{data.run}", "input": "data.by"},
]
NOTE = "Nothing takes the signal aprove yet: did you mean approve?"


async def test_a_misspelt_signal_is_a_note_and_the_run_goes_on_with_the_right_one(world: OpenWorld) -> None:
    async with world(modules={"deciding.py": DECIDING}, workflows=["deciding"], routes=ROUTES) as live:
        for run in ("by-hand", "by-route"):
            await live.publish("work.begun", b"{}", Nats_Msg_Id=run)
        await begun(live, "by-hand", "by-route")

        sent = await perdure_of(live.settings.state, "runs", "signal", "by-hand", "aprove", '"Ann"')
        await live.publish("work.approved", b'{"run": "by-route", "by": "Ann"}', Nats_Msg_Id="approved")
        for run in ("by-hand", "by-route"):
            await noted(live, run)
            shown = await perdure_of(live.settings.state, "runs", "show", run)
            assert NOTE in shown.stdout, shown.stdout
            right = await perdure_of(live.settings.state, "runs", "signal", run, "approve", '"Bob"')
            assert right.returncode == 0, right.stderr
        facts = await live.completed(2)

    assert sent.returncode == 0, sent.stderr
    for run in ("by-hand", "by-route"):
        assert [fact.kind for fact in facts[run]] == ["started", "note", "completed"]
        assert facts[run][-1].result == "Bob"


async def begun(live: World, *runs: str) -> None:
    async with asyncio.timeout(60):
        while not {*runs} <= (await live.facts()).keys():
            await asyncio.sleep(0.1)


async def noted(live: World, run: str) -> None:
    async with asyncio.timeout(60):
        while NOTE not in [fact.result for fact in (await live.facts())[run]]:
            await asyncio.sleep(0.1)
