"""Approval requests are found by a beginning of their id and listed, open and settled, with the votes so far."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from perdure.approvers import Approver, Directory
from perdure.bus import Bus, RawMessage
from perdure.bus.views.requests import (
    RequestFilter,
    RequestNotOpen,
    find_open_request,
    find_request,
    list_requests,
)
from perdure.contracts import (
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Decision,
    Escalation,
    Policy,
    Progress,
    Receipt,
)
from perdure.errors import Ambiguous, NotFound
from perdure.values.short_code import short_code
from tests.support.notifier import NOON, decided, request

DIGEST = "a" * 64


def about(run: str, number: int = 1) -> dict[str, Any]:
    return {"workflow_id": run, "run_id": f"id-of-{run}", "request_id": f"{run}.{number}"}


async def ask(bus: Bus, run: str, number: int = 1, **more: Any) -> ApprovalRequested:
    asked = request(number, **about(run, number), **{"digest": DIGEST, **more})
    await bus.publish(asked)
    return asked


async def settle(bus: Bus, run: str, number: int = 1, **changes: Any) -> None:
    await bus.publish(decided(number).model_copy(update={**about(run, number), **changes}))


async def vote(bus: Bus, run: str, who: str, choice: Any, *, code: Any = "accepted") -> None:
    decision = Decision(
        workflow_id=run,
        request_id=f"{run}.1",
        decision=choice,
        approver=who,
        comment=f"{who} says",
        digest=DIGEST,
        nonce=uuid4().hex,
    )
    await bus.publish(decision)
    await bus.publish(
        Receipt(
            request_id=f"{run}.1",
            decision_id=decision.message_id,
            accepted=code == "accepted",
            code=code,
            reason="it counts: 1 of 2",
        )
    )


async def ids(bus: Bus, known: Directory | None = None, **selection: Any) -> list[str]:
    return [record.request.request_id for record in await list_requests(bus, RequestFilter(**selection), known)]


async def test_a_request_is_found_by_its_id_and_by_a_unique_beginning(bus: Bus) -> None:
    first, second, third = await ask(bus, "Pay-42.a"), await ask(bus, "Pay-43", 1), await ask(bus, "Pay-43", 12)

    found = {text: (await find_request(bus, text)).request for text in ("Pay-42", "Pay-42.a.1", "Pay-43.12")}

    assert found == {"Pay-42": first, "Pay-42.a.1": first, "Pay-43.12": third}
    assert (await find_request(bus, "Pay-43.1")).request == second
    with pytest.raises(Ambiguous, match=r"Pay-43 begins the ids of 2 requests: Pay-43\.1, Pay-43\.12"):
        await find_request(bus, "Pay-43")
    for text in ("Pay-44", "Pay-43.2", "Pay-42.a.2", "x.1"):
        with pytest.raises(NotFound, match="There is no approval request"):
            await find_request(bus, text)


async def test_a_request_is_found_by_the_code_of_its_run_open_or_settled(bus: Bus) -> None:
    run = "a b; curl | sh"
    first, second = await ask(bus, run, 1), await ask(bus, run, 2)
    await settle(bus, run, 1)

    assert (await find_request(bus, f"{short_code(run)}.1")).request == first
    assert await find_open_request(bus, f"{short_code(run)}.2") == second
    with pytest.raises(NotFound):
        await find_request(bus, f"{short_code(run)}.3")


async def test_a_request_whose_id_imitates_the_code_of_another_is_refused_even_if_only_it_is_open(bus: Bus) -> None:
    code = short_code("victim")
    await ask(bus, "victim")
    await settle(bus, "victim")
    imitation = await ask(bus, code)

    with pytest.raises(Ambiguous, match="names a run by its id, and another by its code"):
        await find_open_request(bus, f"{code}.1")
    assert await find_open_request(bus, f"{short_code(code)}.1") == imitation


async def test_the_only_open_request_is_found_though_settled_ones_begin_alike(bus: Bus) -> None:
    await ask(bus, "Pay-1")
    await settle(bus, "Pay-1")
    second = await ask(bus, "Pay-1", 2)

    assert await find_open_request(bus, "Pay-1") == second
    with pytest.raises(RequestNotOpen, match=r"Pay-1\.1 is not open any more: it is approved by ada"):
        await find_open_request(bus, "Pay-1.1")
    with pytest.raises(NotFound):
        await find_open_request(bus, "Pay-2")


async def test_each_way_to_settle_a_request_is_a_state_of_its_own(bus: Bus) -> None:
    for run in ("open", "yes", "no", "late", "gone", "ended"):
        await ask(bus, run)
    await settle(bus, "yes")
    await settle(bus, "no", decision="reject", comment="Too dear.")
    outcome = {"workflow": "Payment", "expired_at": NOON}
    await bus.publish(ApprovalExpired(**about("late"), **outcome, silence="approve"))
    await bus.publish(ApprovalExpired(**about("gone"), **outcome, reason="the run closed this request"))
    await bus.publish(
        Progress(workflow="Payment", workflow_id="ended", run_id="r", sequence=9, kind="terminated", at=NOON)
    )

    records = {run: await find_request(bus, f"{run}.1") for run in ("open", "yes", "no", "late", "gone", "ended")}

    assert {run: record.state for run, record in records.items()} == {
        "open": "open",
        "yes": "approved",
        "no": "rejected",
        "late": "expired",
        "gone": "withdrawn",
        "ended": "withdrawn",
    }
    assert (records["no"].settled_by, records["no"].reason, records["no"].settled_at) == ("ada", "Too dear.", NOON)
    assert (records["late"].silence, records["gone"].silence) == ("approve", None)
    assert records["ended"].reason == "its run ended: terminated"


async def test_the_votes_so_far_are_those_that_count_and_were_not_withdrawn(bus: Bus) -> None:
    await ask(bus, "w", policy=Policy(quorum=3))
    await vote(bus, "w", "ada", "approve")
    await vote(bus, "w", "bob", "approve")
    await vote(bus, "w", "eve", "approve", code="not_allowed")
    await vote(bus, "w", "ada", "withdraw")
    await vote(bus, "w", "ada", "reject")
    await bus.publish_raw(RawMessage("decisions.w", b"no decision", {}))

    votes = (await find_request(bus, "w.1")).votes

    assert [(it.approver, it.decision, it.comment) for it in votes] == [
        ("bob", "approve", "bob says"),
        ("ada", "reject", "ada says"),
    ]


async def test_reminders_and_escalations_so_far_are_in_the_record(bus: Bus) -> None:
    policy = Policy(people=("ada",), escalate=(Escalation(after=timedelta(hours=1), roles=("board",)),))
    await ask(bus, "w", policy=policy)
    for count in (1, 2):
        await bus.publish(ApprovalReminded(workflow="Payment", **about("w"), count=count))
    await bus.publish(ApprovalEscalated(workflow="Payment", **about("w"), to=("board",), count=1))

    record = await find_request(bus, "w.1")

    assert record.reminders == 2
    assert [it.to for it in record.escalations] == [("board",)]
    assert (record.current_policy.people, record.current_policy.roles) == (("ada",), ("board",))


async def test_requests_are_listed_by_state_workflow_text_and_limit(bus: Bus) -> None:
    for number in range(1, 5):
        await ask(bus, f"done-{number}", title=f"Pay {number}?")
        await settle(bus, f"done-{number}", decision="approve" if number % 2 else "reject")
    await ask(bus, "mail", workflow="Mail", title="Send?", opened_at=NOON)
    await ask(bus, "pay", title="PAY at last?", opened_at=NOON + timedelta(seconds=1))

    assert await ids(bus) == ["mail.1", "pay.1"]
    assert await ids(bus, state="approved") == ["done-3.1", "done-1.1"]
    assert await ids(bus, state="rejected", limit=1) == ["done-4.1"]
    assert await ids(bus, state=None, workflow="Mail") == ["mail.1"]
    assert await ids(bus, state=None, text="pay", limit=3) == ["pay.1", "done-4.1", "done-3.1"]
    assert await ids(bus, state="expired") == []


async def test_requests_are_listed_by_time(bus: Bus) -> None:
    await ask(bus, "old")
    await settle(bus, "old")
    await asyncio.sleep(0.01)
    middle = datetime.now(UTC)
    await ask(bus, "new")
    await settle(bus, "new", decided_at=datetime.now(UTC))

    assert await ids(bus, state="approved", since=middle) == ["new.1"]


async def test_requests_are_listed_by_the_person_who_may_vote_or_has_voted(bus: Bus) -> None:
    known = Directory(approvers={"ada": Approver(), "bob": Approver()})
    await ask(bus, "for-ada", policy=Policy(people=("ada",)))
    await ask(bus, "for-bob", policy=Policy(people=("bob",)))
    await ask(bus, "by-bob")
    await vote(bus, "by-bob", "bob", "approve")
    await settle(bus, "by-bob", approver="bob")

    assert await ids(bus, known, person="ada", state=None) == ["for-ada.1"]
    assert await ids(bus, known, person="bob", state=None) == ["for-bob.1", "by-bob.1"]
