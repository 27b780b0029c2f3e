"""Children, renewals, alerts, large values, and built-in workflows."""

from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene


@scene(also_real=True)
async def parent_of_three(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Parent", ["left", "broken", "right"])
        requests = await recording.requested(2)
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        for request in requests:
            await recording.decide(request)
        await recording.ended(run)
    for title in ("left", "broken"):
        await recording.keep(recording.handle(f"{run.id}.{title}"))


@scene(script=lambda prompt: prompt, also_real=True)
async def renewed_twice(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Endless", 3)
        for number in (1, 2, 3):
            request = (await recording.requested(number))[-1]
            if number == 1:  # an early answer goes along, though to a request of a run that nobody knows yet
                early = request.model_copy(update={"request_id": f"{run.id}.3", "first_run_id": None})
                await recording.decide(early, "bob")
            chain = recording.handle(run.id, request.run_id)
            await recording.decide(request)
            await recording.ended(chain, f"{number}")


@scene()
async def announcements(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Announcing", "hello"))


@scene()
async def failed_by_its_result(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Regrettable", "returns"))


@scene(settings={"temporal": {"on_bug": "fail"}}, also_real=True)
async def failed_by_a_bug(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Regrettable", "raises"))


@scene()
async def failed_by_its_input(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Announcing", {"no": "words"}))


@scene(settings={"temporal": {"inline_payload_bytes": 2048}}, also_real=True)
async def large_values(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Carrying", "x" * 4096))


@scene(script=lambda prompt: prompt[:20], also_real=True)
async def documents_of_a_folder(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("DocumentBatch", {"path": "documents"})
        first, second = await recording.requested(2)
        await recording.decide(first, comment="print it")
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.decide(second, answer="reject", comment="not yet")
        await recording.ended(run)
    for request in (first, second):
        await recording.keep(recording.handle(request.workflow_id))


@scene()
async def waiting_for_a_timer(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Idle", "timer")
        await recording.until(run, "timer_started")
        await recording.at_rest(run)
        await recording.keep(run)


@scene(also_real=True)
async def waiting_for_an_activity(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Idle", "activity")
        await recording.until(run, "activity_task_scheduled")
        await recording.at_rest(run)
        await recording.keep(run)


@scene()
async def waiting_for_a_condition(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Idle", "condition")
        await recording.at_rest(run)
        await recording.keep(run)
        await run.cancel()
        await recording.ended(run, "cancelled")
