"""Decisions on real servers: every order counts once, every stranger is refused, and each is told why."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
from temporalio.client import Client

from perdure.approvers import ApproversFile, SigningKey
from perdure.approvers.enrolment import enrol
from perdure.bus import RawMessage, decode
from perdure.contracts import Decision, Progress, Receipt
from perdure.flow.request_digest import request_digest
from tests.support.people import signed
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIGURATION: dict[str, Any] = {
    "routes": [{"on": f"work.{workflow.lower()}", "start": workflow} for workflow in ("Asking", "Panel")],
    "temporal": {"task_timeout_seconds": 3, "signals_wait_seconds": 1},
}
TWO_EDITORS = {"quorum": 2, "roles": ["editor"]}

here = shared_world(**CONFIGURATION)


@dataclass
class Reviewers:
    """People with keys, who send decisions and count the receipts."""

    here: World
    workflow: str = "Asking"
    keys: dict[str, SigningKey] = field(default_factory=dict)
    receipts: int = 0

    @classmethod
    async def of(cls, here: World, workflow: str = "Asking") -> Self:
        """Give each a new key, and count receipts from now on."""
        people = cls(here, workflow, receipts=await here.last("RECEIPTS"))
        for name, roles in {"ada": ["editor"], "bob": ["editor"], "eve": list[str]()}.items():
            approvers = ApproversFile(here.settings.approvers_file)
            people.keys[name], _ = enrol(approvers, here.settings.keys_folder, name, roles=roles)
        return people

    async def ask(self, run: str, **data: Any) -> None:
        """Let a run ask, and wait until it does."""
        event = f"work.{self.workflow.lower()}"
        await self.here.publish(event, json.dumps({"title": run, **data}).encode(), Nats_Msg_Id=run)
        await self.hear("requested", run)

    async def hear(self, what: str, run: str, number: int = 1) -> None:
        """Wait until this is said of a request."""
        async for heard in self.here.bus.subscribe(
            f"approvals.{what}.{self.workflow}.{self.workflow}-{run}", replay=True
        ):
            if json.loads(heard.raw.body)["request_id"].endswith(f".{number}"):
                return

    def decision(self, run: str, who: str, said: Any = "approve", *, number: int = 1, **changes: Any) -> Decision:
        digest = changes.pop("digest", request_digest(run, action=run))
        return signed(self.keys[who], who, f"{self.workflow}-{run}.{number}", digest, said=said, **changes)

    async def send(self, run: str, decision: Decision | bytes) -> None:
        body = decision if isinstance(decision, bytes) else decision.model_dump_json().encode()
        await self.here.bus.publish_raw(RawMessage(f"decisions.{self.workflow}-{run}", body, {}))

    async def receipt(self) -> str:
        """Wait for one receipt more, and return its code."""
        self.receipts += 1
        async with asyncio.timeout(60):
            async for heard in self.here.bus.subscribe("receipts.>", replay=True):
                if heard.sequence == self.receipts:
                    receipt = decode(heard.raw)
                    assert isinstance(receipt, Receipt)
                    return receipt.code
        raise AssertionError

    async def say(self, run: str, who: str, said: str = "approve", **changes: Any) -> str:
        await self.send(run, self.decision(run, who, said, **changes))
        return await self.receipt()

    async def outcome(self, run: str) -> tuple[str, str]:
        async with asyncio.timeout(60):
            async for heard in self.here.bus.subscribe(f"progress.{self.workflow}.{self.workflow}-{run}", replay=True):
                fact = decode(heard.raw)
                assert isinstance(fact, Progress)
                if fact.kind == "completed":
                    assert isinstance(fact.result, dict)
                    return str(fact.result["outcome"]), str(fact.result.get("by"))
        raise AssertionError


async def test_every_order_counts_once(here: World) -> None:
    people = await Reviewers.of(here)

    await people.send("early", people.decision("early", "ada"))
    await people.ask("early")
    assert await people.receipt() == "accepted"
    assert await people.outcome("early") == ("approved", "ada")

    await people.ask("down")
    for service in ("orchestrator", "ingest", "notifier", "audit"):
        here.suite.supervisor.kill(service)
    assert await people.say("down", "bob", "reject") == "accepted"
    assert await people.outcome("down") == ("rejected", "bob")

    await people.ask("twice", policy={"quorum": 2})
    once = people.decision("twice", "ada")
    for code in ("accepted", "replayed"):
        await people.send("twice", once)
        assert await people.receipt() == code
    assert await people.say("twice", "bob") == "accepted"
    assert await people.outcome("twice") == ("approved", "ada, bob")
    temporal = await Client.connect(here.suite.endpoints.temporal)
    await temporal.get_workflow_handle("Asking-twice").result()  # it says its end just before it ends
    assert await people.say("twice", "eve") == "unknown_run"  # too late: the run has ended

    await people.ask("changed", policy={"quorum": 2})
    assert await people.say("changed", "ada") == "accepted"
    assert await people.say("changed", "ada", "reject") == "duplicate"
    assert await people.say("changed", "ada", "withdraw") == "accepted"
    assert await people.say("changed", "ada", "reject", nonce="anew") == "accepted"
    assert await people.outcome("changed") == ("rejected", "ada")

    assert await people.say("nobody", "ada") == "unknown_run"


async def test_every_refusal_has_its_code_and_changes_nothing(here: World) -> None:
    people = await Reviewers.of(here)
    await people.ask("open", policy=TWO_EDITORS, requester="bob")
    past = datetime.now(UTC) - timedelta(minutes=1)
    approval = people.decision("open", "ada")
    stranger = signed(people.keys["eve"], "ada", "Asking-open.1", approval.digest)
    refused: dict[str, Decision | bytes] = {
        "unreadable": b'{"request_id": "Asking-open.1", "decision": "yes"}',
        "unsigned": approval.model_copy(update={"signature": None}),
        "forged": approval.model_copy(update={"decision": "reject"}),
        "unknown_approver": signed(people.keys["eve"], "mallory", "Asking-open.1", approval.digest),
        "unknown_key": stranger,
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
    assert await people.say("open", "bob") == "not_allowed"  # he asked for it

    assert await people.say("open", "ada") == "accepted"
    old = people.keys["ada"]
    approvers = ApproversFile(here.settings.approvers_file)
    people.keys["ada"], _ = enrol(approvers, here.settings.keys_folder, "ada")
    enrol(approvers, here.settings.keys_folder, "carol", roles=["editor"])
    with approvers.changing() as (known, changed):
        ada = known.approvers["ada"]
        ended = tuple(key.model_copy(update={"revoked": past}) if key.public == old.public else key for key in ada.keys)
        changed.append(
            known.model_copy(update={"approvers": {**known.approvers, "ada": ada.model_copy(update={"keys": ended})}})
        )
    withdrawal = signed(old, "ada", "Asking-open.1", approval.digest, said="withdraw", nonce="3")
    await people.send("open", withdrawal)
    assert await people.receipt() == "revoked_key"
    assert await people.say("open", "ada", "reject", nonce="4") == "duplicate"  # her voice stands, by the new key
    assert await people.say("open", "ada", "withdraw", nonce="5") == "accepted"
    assert await people.say("open", "ada", "reject", nonce="6") == "accepted"
    assert await people.outcome("open") == ("rejected", "ada")


async def test_silence_is_none_while_an_answer_is_on_its_way_whoever_is_dead_at_the_deadline(here: World) -> None:
    people = await Reviewers.of(here)
    policy = {"timeout": "6s", "silence": "approve"}
    for run in ("unanswered", "vetoed"):
        await people.ask(run, policy=policy)
    here.suite.supervisor.kill("orchestrator")
    await people.send("vetoed", people.decision("vetoed", "ada", "reject"))
    for alive in (0.0, 0.3, 0.6, 0.9):  # seconds: from before the deadline until after it, within what a run does then
        await here.suite.supervisor.ready("orchestrator")
        await asyncio.sleep(alive)
        here.suite.supervisor.kill("orchestrator")

    assert await people.receipt() == "accepted"
    assert await people.outcome("vetoed") == ("rejected", "ada")
    assert await people.outcome("unanswered") == ("approved", "")


async def test_an_answer_that_comes_too_late_for_its_request_is_told_why(here: World) -> None:
    people = await Reviewers.of(here, "Panel")
    await people.ask("late")

    await people.hear("expired", "late", 1)
    assert await people.say("late", "ada", number=1) == "request_expired"

    assert await people.say("late", "ada", number=2) == "accepted"
    assert await people.say("late", "bob", "reject", number=2) == "already_decided"

    await people.hear("expired", "late", 3)
    assert await people.say("late", "ada", number=3) == "no_longer_asked"

    await people.send("late", people.decision("late", "bob", number=5))
    assert await people.say("late", "ada", number=4) == "accepted"
    assert await people.receipt() == "never_asked"
    assert await people.outcome("late") == ("approved", "ada")
