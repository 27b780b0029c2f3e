"""People who are asked, and who answer, or do not."""

from datetime import timedelta
from typing import Any

from perdure.contracts import ApprovalRequested
from perdure.contracts.request_digest import request_digest
from tests.replay.recording import OPEN, Recording, Run
from tests.replay.scenes.scene import scene

QUESTION = {"title": "Well?", "details": {"pages": 3}}
LADDER: dict[str, Any] = {
    "people": ["ann"],
    "remind_every": "2h",
    "escalate": [{"after": "3h", "roles": ["lead"]}, {"after": "5h", "people": ["boss"], "instead": True}],
    "timeout": "6h",
}


def question(**policy: Any) -> dict[str, Any]:
    return {**QUESTION, "policy": policy}


async def shown(recording: Recording, asked: dict[str, Any]) -> ApprovalRequested:
    """Return the request that comes of a question, of a run that is cancelled then."""
    before = len(recording.bus.published)
    draft = await recording.start("Asking", [asked], run_id=f"{recording.name}-draft-{before}")
    await recording.until(draft, "upsert_workflow_search_attributes")
    await recording.at_rest(draft)
    await draft.cancel()
    await recording.at_rest(draft)
    return next(
        it for it in recording.bus.published if isinstance(it, ApprovalRequested) and it.workflow_id == draft.id
    )


def early_of(request: ApprovalRequested, run: Run, number: int) -> ApprovalRequested:
    """Return the request that a run makes of the same question, as far as somebody can know it before."""
    ids = {"workflow_id": run.id, "run_id": run.first_execution_run_id, "request_id": f"{run.id}.{number}"}
    early = request.model_copy(update={**ids, "first_run_id": None})
    return early.model_copy(update={"digest": request_digest(early)})


@scene(also_real=True)
async def approval_approved(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [QUESTION])
        [request] = await recording.requested()
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.decide(request, comment="fine")
        await recording.ended(run)


@scene(also_real=True)
async def approval_of_a_quorum(recording: Recording) -> None:
    policy = {"people": ["ann", "bob"], "roles": ["lead"], "quorum": 3, "proxies": False}
    async with recording.worker():
        run = await recording.start("Asking", [question(**policy)])
        [request] = await recording.requested()
        await recording.decide(request, "ann", nonce="once")
        await recording.decide(request, "ann", "reject")  # has answered
        await recording.decide(request, "eve")  # may not
        await recording.decide(request, "cleo", roles=("lead",), proxy="slack")  # may, but not by a proxy
        await recording.decide(request, "ann", "withdraw")
        await recording.decide(request, "bob", "withdraw")  # has nothing to withdraw
        await recording.decide(request, "bob", digest="0" * 64)
        await recording.decide(request, "bob", first_run_id="another")
        await recording.decide(request, "bob", nonce="bob")
        delivered = f"DECISIONS.{recording.places}"
        await recording.decide(request, "bob", nonce="bob", place=delivered)  # delivered again
        await recording.decide(request, "bob", nonce="bob")  # replayed
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.decide(request, "cleo", roles=("lead",), comment="so be it")
        await recording.decide(request, "dan", stands_in_for=("ann",), comment="for Ann")
        await recording.decide(request, "ann", nonce="late")  # already decided
        await recording.ended(run)


@scene()
async def approval_vetoed(recording: Recording) -> None:
    async with recording.worker():
        policy = {"people": ["ann", "bob"], "quorum": 2, "rejections": 2, "veto_roles": ["security"]}
        run = await recording.start("Asking", [question(**policy)])
        [request] = await recording.requested()
        await recording.decide(request, "ann")
        await recording.decide(request, "bob", "reject")
        await recording.decide(request, "sam", "reject", roles=("security",), comment="no")
        await recording.ended(run)


@scene()
async def approval_rejected_by_two(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [question(rejections=2)])
        [request] = await recording.requested()
        await recording.decide(request, "ann", "reject")
        await recording.decide(request, "bob", "reject", proxy="slack")
        await recording.ended(run)


@scene()
async def approval_by_silence(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [question(**LADDER, silence="approve")])
        [request] = await recording.requested()
        await recording.skip(hours=1)
        await recording.decide(request, "boss")  # is not asked yet
        await recording.skip(hours=3)
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.skip(hours=1, minutes=30)
        await recording.decide(request, "ann")  # is no longer asked
        await recording.ended(run)


@scene()
async def approval_by_the_escalation(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [question(**LADDER)])
        [request] = await recording.requested()
        await recording.skip(hours=5, minutes=30)
        await recording.decide(request, "boss", comment="at last")
        await recording.ended(run)


@scene(before="perdure-silence-is-sure")
async def approval_expired(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [{**QUESTION, "seconds": 3600}])
        [request] = await recording.requested()
        await recording.decide(request, expires_at=request.opened_at - timedelta(seconds=1))
        await recording.ended(run)


@scene()
async def approval_in_the_last_moment(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [{**QUESTION, "seconds": 3600}])
        [request] = await recording.requested()

        async def decide() -> None:
            await recording.decide(request, stored_at=request.opened_at + timedelta(minutes=59))

        recording.bus.meanwhile = decide
        await recording.ended(run)


@scene(both_orders=True, also_real=True)
async def approvals_answered_early(recording: Recording) -> None:
    async with recording.worker():
        plain, timed = await shown(recording, QUESTION), await shown(recording, {**QUESTION, "seconds": 3600})
    run = await recording.start("Asking", [QUESTION, {**QUESTION, "seconds": 3600}, QUESTION])
    for number, request in ((3, plain), (1, plain), (2, timed)):  # before the run has begun
        await recording.decide(early_of(request, run, number), f"approver {number}")
    async with recording.worker():
        await recording.ended(run)


@scene(settings={"approvals": {"policies": {"AskingTogether": {"roles": ["lead"], "quorum": 2}, "*": {"quorum": 3}}}})
async def approvals_by_the_operators_policy(recording: Recording) -> None:
    asked = [{"title": title, "requester": "ann"} for title in ("Left?", "Right?")]
    async with recording.worker():
        run = await recording.start("AskingTogether", asked)
        left, right = await recording.requested(2)
        await recording.decide(right, "ann", roles=("lead",))  # asked for it
        for request in (right, left):
            for name in ("bob", "cleo"):
                await recording.decide(request, name, roles=("lead",))
        await recording.ended(run)


@scene()
async def action_authorised(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Paying", 5, 5)
        [request] = await recording.requested()
        await recording.decide(request)
        await recording.ended(run)


@scene()
async def action_not_authorised(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Paying", 5, 500)
        [request] = await recording.requested()
        await recording.decide(request)
        await recording.ended(run)


@scene(both_orders=True)
async def first_of_two_answers(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("AskingFirst")
        await recording.requested(2)
        await recording.at_rest(run)
    left, right = await recording.requested(2)
    await recording.decide(right, "bob")
    await recording.decide(left, "ann")  # nobody is there: both come at once
    async with recording.worker():
        await recording.ended(run)


@scene()
async def question_left_open(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Leaving", 3600)
        [request] = await recording.requested()
        early = request.model_copy(update={"request_id": f"{run.id}.2"})
        await recording.decide(early)  # is never asked
        await recording.ended(run)


@scene(both_orders=True)
async def question_answered_as_its_run_ends(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Leaving", 1)
        [request] = await recording.requested()
        await recording.at_rest(run)
    await recording.skip(seconds=2)
    await recording.decide(request, stored_at=request.opened_at)
    async with recording.worker():
        await recording.ended(run)


@scene()
async def asking_cancelled(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [question(**LADDER)])
        await recording.requested()
        await recording.skip(hours=2, minutes=30)
        await recording.at_rest(run)
        await run.cancel()
        await recording.ended(run)


@scene(both_orders=True, also_real=True)
async def asking_cancelled_as_it_is_answered(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Asking", [QUESTION])
        [request] = await recording.requested()
        await recording.at_rest(run)
    await recording.decide(request)
    await run.cancel()
    async with recording.worker():
        await recording.ended(run)


@scene(before="perdure-cancellations-outrank-answers", both_orders=True)
async def stopped_as_it_is_answered(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("Stopped")
        [request] = await recording.requested()
        await recording.at_rest(run)
    await run.signal("stop")
    await recording.decide(request)
    async with recording.worker():
        await recording.ended(run)


@scene()
async def asking_where_a_signal_is_handled(recording: Recording) -> None:
    async with recording.worker():
        run = await recording.start("AskingInHandler")
        await run.signal("ask", "Left?")
        await run.signal("ask", "Right?")
        left, right = await recording.requested(2)
        await recording.decide(left)
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await run.cancel()
        await recording.at_rest(run)
        await recording.decide(right)
        await recording.ended(run)
