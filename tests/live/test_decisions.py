"""Decisions on real servers: each counts once in any order, and each refusal has a receipt with its code."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.contracts import Decision
from tests.support.people import signed
from tests.support.reviewers import Reviewers
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIGURATION: dict[str, Any] = {
    "routes": [{"on": f"work.{workflow.lower()}", "start": workflow} for workflow in ("Asking", "Panel")],
    "temporal": {"task_timeout_seconds": 3, "signals_wait_seconds": 1},
}
TWO_EDITORS = {"quorum": 2, "roles": ["editor"]}

live = shared_world(**CONFIGURATION)


async def test_decisions_in_any_order_count_once(live: World) -> None:
    people = await Reviewers.of(live)

    await people.send("early", people.decision("early", "ada", nonce="unseen"))
    await people.request("early")
    assert await people.receipt() == "wrong_digest"
    assert await people.decide("early", "ada") == "accepted"
    assert await people.outcome("early") == ("approved", "ada")

    await people.request("down")
    for service in ("orchestrator", "ingest", "notifier", "audit"):
        live.suite.supervisor.kill(service)
    assert await people.decide("down", "bob", "reject") == "accepted"
    assert await people.outcome("down") == ("rejected", "bob")

    await people.request("twice", policy={"quorum": 2})
    once = people.decision("twice", "ada")
    for code in ("accepted", "replayed"):
        await people.send("twice", once)
        assert await people.receipt() == code
    assert await people.decide("twice", "bob") == "accepted"
    assert await people.outcome("twice") == ("approved", "ada, bob")
    temporal = await Client.connect(live.suite.endpoints.temporal)
    await temporal.get_workflow_handle("Asking~twice").result()  # its end is published just before it ends
    assert await people.decide("twice", "eve") == "unknown_run"  # too late: the run has ended

    await people.request("changed", policy={"quorum": 2})
    assert await people.decide("changed", "ada") == "accepted"
    assert await people.decide("changed", "ada", "reject") == "duplicate"
    assert await people.decide("changed", "ada", "withdraw") == "accepted"
    assert await people.decide("changed", "ada", "reject", nonce="anew") == "accepted"
    assert await people.outcome("changed") == ("rejected", "ada")

    assert await people.decide("nobody", "ada") == "unknown_run"


async def test_every_refusal_has_its_code_and_changes_nothing(live: World) -> None:
    people = await Reviewers.of(live)
    await people.request("open", policy=TWO_EDITORS, requester="bob")
    past = datetime.now(UTC) - timedelta(minutes=1)
    approval = people.decision("open", "ada")
    refused: dict[str, Decision | bytes] = {
        "unreadable": b'{"request_id": "Asking~open.1", "decision": "yes"}',
        "unsigned": approval.model_copy(update={"signature": None}),
        "forged": approval.model_copy(update={"decision": "reject"}),
        "unknown_approver": signed(people.keys["eve"], "mallory", "Asking~open.1", approval.digest),
        "unknown_key": signed(people.keys["eve"], "ada", "Asking~open.1", approval.digest),
        "wrong_digest": people.decision("open", "ada", digest="0" * 64, nonce="1"),
        "decision_expired": people.decision("open", "ada", expires_at=past, nonce="2"),
        "not_allowed": people.decision("open", "eve"),
        "nothing_to_withdraw": people.decision("open", "ada", "withdraw"),
    }
    codes = []
    for decision in refused.values():
        await people.send("open", decision)
        codes.append(await people.receipt())
    assert codes == list(refused)
    assert await people.decide("open", "bob") == "not_allowed"  # he is the requester

    assert await people.decide("open", "ada") == "accepted"
    old = people.keys["ada"]
    approvers = ApproversFile(live.settings.approvers_file)
    people.keys["ada"], _ = enrol(approvers, live.settings.keys_folder, "ada")
    enrol(approvers, live.settings.keys_folder, "carol", roles=["editor"])
    with approvers.changing() as (known, changed):
        ada = known.approvers["ada"]
        ended = tuple(key.model_copy(update={"revoked": past}) if key.public == old.public else key for key in ada.keys)
        changed.append(
            known.model_copy(update={"approvers": {**known.approvers, "ada": ada.model_copy(update={"keys": ended})}})
        )
    withdrawal = signed(old, "ada", "Asking~open.1", approval.digest, decision="withdraw", nonce="3")
    await people.send("open", withdrawal)
    assert await people.receipt() == "revoked_key"
    assert (
        await people.decide("open", "ada", "reject", nonce="4") == "duplicate"
    )  # her vote still counts, under the new key
    assert await people.decide("open", "ada", "withdraw", nonce="5") == "accepted"
    assert await people.decide("open", "ada", "reject", nonce="6") == "accepted"
    assert await people.outcome("open") == ("rejected", "ada")


async def test_silence_does_not_override_a_decision_in_flight_whatever_is_dead_at_the_deadline(live: World) -> None:
    people = await Reviewers.of(live)
    policy = {"timeout": "6s", "silence": "approve"}
    for run in ("unanswered", "vetoed"):
        await people.request(run, policy=policy)
    live.suite.supervisor.kill("orchestrator")
    await people.send("vetoed", people.decision("vetoed", "ada", "reject"))
    for alive in (0.0, 0.3, 0.6, 0.9):  # seconds: from before the deadline until after it, while the run handles it
        await live.suite.supervisor.ready("orchestrator")
        await asyncio.sleep(alive)
        live.suite.supervisor.kill("orchestrator")

    assert await people.receipt() == "accepted"
    assert await people.outcome("vetoed") == ("rejected", "ada")
    assert await people.outcome("unanswered") == ("approved", "")


async def test_a_late_decision_is_refused_with_the_reason(live: World) -> None:
    people = await Reviewers.of(live, "Panel")
    await people.request("late")
    await people.wait_for("requested", "late", 4)

    await people.wait_for("expired", "late", 1)
    assert await people.decide("late", "ada", number=1) == "request_expired"

    assert await people.decide("late", "ada", number=2) == "accepted"
    assert await people.decide("late", "bob", "reject", number=2) == "already_decided"

    await people.wait_for("expired", "late", 3)
    assert await people.decide("late", "ada", number=3) == "no_longer_asked"

    await people.send("late", people.decision("late", "bob", number=5))
    assert await people.decide("late", "ada", number=4) == "accepted"
    assert await people.receipt() == "never_asked"
    assert await people.outcome("late") == ("approved", "ada")
