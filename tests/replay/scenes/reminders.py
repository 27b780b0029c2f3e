"""Requests that nobody answers for weeks."""

from tests.replay.recording import Recording
from tests.replay.scenes.approvals import question
from tests.replay.scenes.scene import scene

_RARE = "perdure-reminders-grow-rarer"


@scene(before=_RARE)
async def approval_reminded_for_weeks(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [question(timeout="16d", remind_every="1d")])
        await recording.ended(run)


@scene()
async def approval_reminded_more_rarely_from_now_on(recording: Recording) -> None:
    recording.unpatched |= {_RARE}
    async with recording.worker():
        run = await recording.start("Asking", [question(timeout="30d", remind_every="1d")])
        await recording.requested()
        await recording.skip(days=12, hours=12)
        await recording.at_rest(run)
    recording.unpatched.clear()
    async with recording.worker():
        await recording.ended(run)
