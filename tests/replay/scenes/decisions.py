"""Decisions that the worker verifies from their bytes in the stream."""

from perdure.contracts import ApprovalRequested
from perdure.flow.approvals_host import DECISION_SIGNAL
from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.approvals import QUESTION, early_of, question, shown
from tests.replay.scenes.scene import scene

_BEFORE = frozenset({"perdure-verified-decisions", "perdure-verified-decision"})


@scene(also_real=True)
async def decisions_verified(recording: Recording) -> None:
    async with recording.worker():
        second = await shown(recording, QUESTION)
        run = await recording.start("Asking", [question(people=["ann", "bob"], quorum=2), QUESTION])
        _, request = await recording.requested(2)
        await recording.decide(early_of(second, run, 2), "cleo")
        await forge(recording, request)
        await recording.decide(request, "ann")
        await recording.decide(request, "eve")  # may not
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.decide(request, "bob", comment="fine")
        await recording.ended(run)


@scene()
async def decisions_verified_at_once(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [question(quorum=2, timeout="6h")])
        [request] = await recording.requested()
        await recording.at_rest(run)
    for approver, answer in (("ann", "approve"), ("ann", "withdraw"), ("bob", "approve"), ("cleo", "approve")):
        await recording.decide(request, approver, answer)
    await forge(recording, request)
    async with recording.worker():
        await recording.ended(run)


@scene()
async def decisions_verified_from_now_on(recording: Recording) -> None:
    recording.unpatched |= _BEFORE
    async with recording.worker():
        run = await recording.start("Asking", [question(quorum=3)])
        [request] = await recording.requested()
        await recording.decide(request, "ann")
        await recording.decide(request, "bob")
        await recording.at_rest(run)
    recording.unpatched.clear()
    async with recording.worker():
        await forge(recording, request)
        await recording.decide(request, "cleo")
        await recording.ended(run)


@scene(script=lambda prompt: prompt)
async def decisions_across_renewals(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Endless", 3)
        for number in (1, 2, 3):
            request = (await recording.requested(number))[-1]
            if number == 1:
                early = request.model_copy(update={"request_id": f"{run.id}.3", "first_run_id": None})
                await recording.decide(early, "bob")  # the request is of a run that nobody knows yet
                first = request
            chain = recording.handle(run.id, request.run_id)
            if number == 2:
                await recording.decide(first, "late")
            await recording.decide(request)
            await recording.ended(chain, f"{number}")


async def forge(recording: Recording, request: ApprovalRequested) -> None:
    """Signal the run past the bridge, as whoever may signal at Temporal can."""
    decision = {
        "workflow_id": request.workflow_id,
        "request_id": request.request_id,
        "decision": "reject",
        "approver": "ann",
        "digest": request.digest,
        "nonce": "forged",
    }
    for place in ("", "DECISIONS.99"):
        argument = {
            "decision_id": f"{request.request_id}.ann.forged",
            "decision": decision,
            "place": place,
            "roles": ["lead"],
        }
        await recording.handle(request.workflow_id).signal(DECISION_SIGNAL, argument)
