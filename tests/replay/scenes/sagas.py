"""Steps that are undone."""

from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene


@scene()
async def saga_succeeded(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Ordering", "fine", 60)
        await recording.until(run, "timer_started")
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.ended(run)


@scene()
async def saga_undone(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Ordering", "whale", 0))


@scene()
async def saga_undone_after_a_refusal(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Ordering", "dear", 0))


@scene()
async def saga_not_undone(recording: Recording) -> None:
    async with recording.worker():
        for order in ("stuck", "sticky"):  # an activity fails; a tool answers that it does
            await recording.ended(await recording.start("Ordering", order, 0, run_id=f"{recording.name}.{order}"))


@scene(both_orders=True, also_real=True)
async def saga_cancelled(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Ordering", "slow", 3600)
        await recording.until(run, "timer_started")
        await recording.at_rest(run)
        await run.cancel()
        await recording.ended(run)


@scene(both_orders=True)
async def saga_that_asks_before_it_undoes(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("UndoingByAsking")
        [request] = await recording.requested()
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await run.cancel()
        await recording.at_rest(run)
        await recording.decide(request)
        await recording.ended(run)


@scene(before="perdure-sagas-tell-of-cancellations", both_orders=True)
async def saga_cancelled_while_it_undoes(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("GoingOn")
        await recording.until(run, "timer_started")
        await recording.at_rest(run)
        await run.cancel()
        await recording.at_rest(run)
        await recording.ended(run)
