"""Signals that a run waits for by name, and signals of names that nothing takes."""

from perdure.contracts import Progress
from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene

_KEPT = "perdure-signals-are-kept"


@scene(before=_KEPT)
async def pages_between_two_waits(recording: Recording) -> None:
    run = await recording.start("Reading", 2, start_signal="page", start_signal_args=["one"])
    await run.signal("page", "two")
    async with recording.worker():
        await recording.until(run, "timer_started")
        await recording.skip(seconds=90)
        await recording.at_rest(run)
        await run.signal("page", "three")
        await recording.ended(run)


@scene()
async def pages_kept_from_now_on(recording: Recording) -> None:
    recording.unpatched |= {_KEPT}
    run = await recording.start("Reading", 4, start_signal="page", start_signal_args=["one"])
    await run.signal("page", "two")
    async with recording.worker():
        await recording.until(run, "timer_started")
        await recording.skip(seconds=90)
        await recording.at_rest(run)
    recording.unpatched.clear()
    for page in ("three", "four", "five"):
        await run.signal("page", page)
    async with recording.worker():
        await recording.ended(run)


@scene()
async def pages_across_renewals(recording: Recording) -> None:
    run = await recording.start("ReadingInParts", [], 2, start_signal="page", start_signal_args=["one"])
    for name, value in (("page", "two"), ("cover", {"hard": True}), ("page", "three")):
        await run.signal(name, value)
    async with recording.worker():
        await run.result()
    runs = dict.fromkeys(fact.run_id for fact in recording.bus.published if isinstance(fact, Progress))
    for number, run_id in enumerate(runs, 1):
        await recording.keep(recording.handle(run.id, run_id), f"{number}")


@scene(before="perdure-unhandled-signals-are-noted", also_real=True)
async def signal_misspelt(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Collecting")
        await recording.at_rest(run)
        for name in ("aprove", "aprove", "else"):
            await run.signal(name, "Ann")
        await recording.at_rest(run)
        await run.signal("stop")
        await recording.ended(run)
