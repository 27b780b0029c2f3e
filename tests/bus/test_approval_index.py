"""Open approval requests are found in long histories and among many others."""

from datetime import timedelta
from typing import Any

from perdure.approvers import check_digest
from perdure.bus import Bus
from perdure.bus.views.approval_index import is_settled, open_requests, request_of
from perdure.bus.views.requests import find_open_request, find_request
from perdure.contracts import ApprovalEscalated, ApprovalExpired, ApprovalReminded, Escalation, Policy, Progress
from tests.support.notifier import NOON, decided, request


async def publish_request(bus: Bus, run: str, number: int = 1, *, decisions: int = 0) -> None:
    """Publish a request of a run, and so many decisions on it."""
    about: dict[str, Any] = {"workflow_id": run, "request_id": f"{run}.{number}"}
    await bus.publish(request(number, **about, opened_at=NOON + timedelta(seconds=number)))
    for nth in range(decisions):
        await bus.publish(decided(number).model_copy(update={**about, "decision_id": f"d{nth}"}))


async def open_ids(bus: Bus, **where: str) -> list[str]:
    return [it.request_id for it in await open_requests(bus, **where)]


async def test_few_open_requests_are_found_in_a_long_history(bus: Bus) -> None:
    for number in range(120):
        await publish_request(bus, f"old-{number}", decisions=1)
    await publish_request(bus, "first/one", 1)
    await publish_request(bus, "second", 2)

    assert await open_ids(bus) == ["first/one.1", "second.2"]
    assert await open_ids(bus, workflow="Payment") == ["first/one.1", "second.2"]
    assert await open_ids(bus, workflow_id="second") == ["second.2"]
    assert await open_ids(bus, workflow="Other") == []


async def test_many_open_requests_are_found_in_a_short_history(bus: Bus) -> None:
    for number in range(1, 21):
        await publish_request(bus, f"run-{number}", number, decisions=number % 2)

    assert await open_ids(bus) == [f"run-{number}.{number}" for number in range(2, 21, 2)]


async def test_requests_that_expired_or_whose_run_ended_are_not_open(bus: Bus) -> None:
    for number in range(100):
        await publish_request(bus, f"old-{number}", decisions=1)
    for number, run in enumerate(("expired", "terminated", "open"), 1):
        await publish_request(bus, run, number)
    about = {"workflow": "Payment", "run_id": "r"}
    await bus.publish(ApprovalExpired(**about, workflow_id="expired", request_id="expired.1", expired_at=NOON))
    await bus.publish(Progress(**about, workflow_id="terminated", sequence=9, kind="terminated", at=NOON))

    assert await open_ids(bus) == ["open.3"]


async def test_the_open_one_of_two_requests_of_a_run_is_found(bus: Bus) -> None:
    for number in range(100):
        await publish_request(bus, f"old-{number}", decisions=1)
    await publish_request(bus, "both", 1)
    await publish_request(bus, "both", 2, decisions=1)

    assert await open_ids(bus) == ["both.1"]


async def test_a_request_of_a_later_run_of_the_same_workflow_id_is_open(bus: Bus) -> None:
    """``signal_with_start`` starts such runs: their requests reuse the ids of earlier ones."""
    first, second = request(title="First?", run_id="r1"), request(title="Second?", run_id="r2")
    reminder = ApprovalReminded(workflow="Payment", workflow_id="w", run_id="r2", request_id="w.1", count=1)
    await bus.publish(first)
    await bus.publish(decided().model_copy(update={"run_id": "r1"}))
    await bus.publish(second)

    assert await open_requests(bus) == [second]
    assert [await is_settled(bus, it) for it in (first, second, reminder)] == [True, False, False]
    assert await request_of(bus, reminder) == second


async def test_an_open_request_is_as_published_beside_its_policy_after_each_escalation(bus: Bus) -> None:
    policy = Policy(
        people=("ada",),
        escalate=(
            Escalation(after=timedelta(hours=2), people=("eve",)),
            Escalation(after=timedelta(hours=1), roles=("board",), instead=True),
        ),
    )
    about = {"workflow": "Payment", "workflow_id": "w", "run_id": "r", "request_id": "w.1"}
    opened = request(policy=policy, digest_version=2)
    await bus.publish(opened)
    policies = [(await find_request(bus, "w.1")).current_policy]
    for count, to in ((1, "board"), (2, "eve")):
        await bus.publish(ApprovalEscalated(**about, to=(to,), count=count))
        record, shown = await find_request(bus, "w.1"), await find_open_request(bus, "w.1")
        policies.append(record.current_policy)
        assert record.request == shown == (await open_requests(bus))[0] == opened
        check_digest(shown)

    assert [(it.people, it.roles) for it in policies] == [(("ada",), ()), ((), ("board",)), (("eve",), ("board",))]
