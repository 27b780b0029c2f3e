"""What waits for an answer is found in a long history, and in a crowd."""

from datetime import timedelta
from typing import Any

from perdure.bus import Bus
from perdure.bus.views.approval_index import find_request, is_settled, open_requests, request_of
from perdure.contracts import ApprovalEscalated, ApprovalExpired, ApprovalReminded, Escalation, Policy, Progress
from tests.support.notifier import NOON, decided, request


async def asked(bus: Bus, run: str, number: int = 1, *, settled: int = 0) -> None:
    """Ask in a run of this id, and say so many times that it is settled."""
    about: dict[str, Any] = {"workflow_id": run, "request_id": f"{run}.{number}"}
    await bus.publish(request(number, **about, opened_at=NOON + timedelta(seconds=number)))
    for nth in range(settled):
        await bus.publish(decided(number).model_copy(update={**about, "decision_id": f"d{nth}"}))


async def waiting(bus: Bus, **where: str) -> list[str]:
    return [it.request_id for it in await open_requests(bus, **where)]


async def test_few_are_found_in_a_long_history(bus: Bus) -> None:
    for number in range(120):
        await asked(bus, f"old-{number}", settled=1)
    await asked(bus, "first/one", 1)
    await asked(bus, "second", 2)

    assert await waiting(bus) == ["first/one.1", "second.2"]
    assert await waiting(bus, workflow="Payment") == ["first/one.1", "second.2"]
    assert await waiting(bus, workflow_id="second") == ["second.2"]
    assert await waiting(bus, workflow="Other") == []


async def test_many_are_found_in_a_short_one(bus: Bus) -> None:
    for number in range(1, 21):
        await asked(bus, f"run-{number}", number, settled=number % 2)

    assert await waiting(bus) == [f"run-{number}.{number}" for number in range(2, 21, 2)]


async def test_what_ends_in_another_way_waits_no_more(bus: Bus) -> None:
    for number in range(100):
        await asked(bus, f"old-{number}", settled=1)
    for number, run in enumerate(("expired", "terminated", "open"), 1):
        await asked(bus, run, number)
    about = {"workflow": "Payment", "run_id": "r"}
    await bus.publish(ApprovalExpired(**about, workflow_id="expired", request_id="expired.1", expired_at=NOON))
    await bus.publish(Progress(**about, workflow_id="terminated", sequence=9, kind="terminated", at=NOON))

    assert await waiting(bus) == ["open.3"]


async def test_one_of_two_of_a_run_is_found_though_the_other_one_is_settled(bus: Bus) -> None:
    for number in range(100):
        await asked(bus, f"old-{number}", settled=1)
    await asked(bus, "both", 1)
    await asked(bus, "both", 2, settled=1)

    assert await waiting(bus) == ["both.1"]


async def test_a_later_run_of_the_same_workflow_id_asks_anew(bus: Bus) -> None:
    """As ``signal_with_start`` starts one: its requests have the ids of those before."""
    first, second = request(title="First?", run_id="r1"), request(title="Second?", run_id="r2")
    reminder = ApprovalReminded(workflow="Payment", workflow_id="w", run_id="r2", request_id="w.1", count=1)
    await bus.publish(first)
    await bus.publish(decided().model_copy(update={"run_id": "r1"}))
    await bus.publish(second)

    assert await open_requests(bus) == [second]
    assert [await is_settled(bus, it) for it in (first, second, reminder)] == [True, False, False]
    assert await request_of(bus, reminder) == second


async def test_who_is_asked_is_told_as_it_stands_now(bus: Bus) -> None:
    policy = Policy(
        people=("ada",),
        escalate=(
            Escalation(after=timedelta(hours=2), people=("eve",)),
            Escalation(after=timedelta(hours=1), roles=("board",), instead=True),
        ),
    )
    about = {"workflow": "Payment", "workflow_id": "w", "run_id": "r", "request_id": "w.1"}
    await bus.publish(request(policy=policy))
    stood = [(await find_request(bus, "w.1")).policy]
    for count, to in ((1, "board"), (2, "eve")):
        await bus.publish(ApprovalEscalated(**about, to=(to,), count=count))
        stood.append((await find_request(bus, "w.1")).policy)

    assert [(it.people, it.roles) for it in stood] == [(("ada",), ()), ((), ("board",)), (("eve",), ("board",))]
