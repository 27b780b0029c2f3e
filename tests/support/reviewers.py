"""Approvers of a live suite who decide as bots do, and count the receipts."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Self

from perdure.approvers import ApproversFile, SigningKey
from perdure.approvers.enrolment import enrol
from perdure.bus import RawMessage, decode
from perdure.contracts import Decision, Progress, Receipt, to_token
from tests.support.people import signed
from tests.support.suite import World

__all__ = ["Reviewers"]


@dataclass
class Reviewers:
    """Approvers with keys, who publish decisions and count the receipts."""

    live: World
    workflow: str = "Asking"
    keys: dict[str, SigningKey] = field(default_factory=dict)
    receipts: int = 0
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def of(cls, live: World, workflow: str = "Asking") -> Self:
        """Give each approver a new key, and count receipts from now on."""
        people = cls(live, workflow, receipts=await live.last("RECEIPTS"))
        for name, roles in {"ada": ["editor"], "bob": ["editor"], "eve": list[str]()}.items():
            approvers = ApproversFile(live.settings.approvers_file)
            people.keys[name], _ = enrol(approvers, live.settings.keys_folder, name, roles=roles)
        return people

    async def request(self, run: str, **data: Any) -> None:
        """Start a run that requests an approval, and wait for the request."""
        event = f"work.{self.workflow.lower()}"
        await self.live.publish(event, json.dumps({"title": run, **data}).encode(), Nats_Msg_Id=run)
        await self.wait_for("requested", run)

    async def wait_for(self, what: str, run: str, number: int = 1) -> None:
        """Wait until this message about a request is published."""
        async for message in self.live.bus.subscribe(
            f"approvals.{what}.{self.workflow}.{to_token(f'{self.workflow}~{run}')}", replay=True
        ):
            shown = json.loads(message.raw.body)
            self.digests |= {shown["request_id"]: shown["digest"]} if what == "requested" else {}
            if shown["request_id"].endswith(f".{number}"):
                return

    def decision(self, run: str, who: str, choice: Any = "approve", *, number: int = 1, **changes: Any) -> Decision:
        request_id = f"{self.workflow}~{run}.{number}"
        digest = changes.pop("digest", self.digests.get(request_id, "0" * 64))  # of a request that nobody has seen
        return signed(self.keys[who], who, request_id, digest, decision=choice, **changes)

    async def send(self, run: str, decision: Decision | bytes) -> None:
        body = decision if isinstance(decision, bytes) else decision.model_dump_json().encode()
        await self.live.bus.publish_raw(RawMessage(f"decisions.{to_token(f'{self.workflow}~{run}')}", body, {}))

    async def receipt(self) -> str:
        """Wait for the next final receipt and return its code."""
        self.receipts += 1
        async with asyncio.timeout(60):
            async for message in self.live.bus.subscribe("receipts.>", replay=True):
                if message.sequence == self.receipts:
                    receipt = decode(message.raw)
                    assert isinstance(receipt, Receipt)
                    if receipt.is_final:
                        return receipt.code
                    self.receipts += 1
        raise AssertionError

    async def decide(self, run: str, who: str, choice: str = "approve", **changes: Any) -> str:
        """Publish a decision and return the code of its receipt."""
        await self.send(run, self.decision(run, who, choice, **changes))
        return await self.receipt()

    async def outcome(self, run: str) -> tuple[str, str]:
        async with asyncio.timeout(60):
            async for message in self.live.bus.subscribe(
                f"progress.{self.workflow}.{to_token(f'{self.workflow}~{run}')}", replay=True
            ):
                fact = decode(message.raw)
                assert isinstance(fact, Progress)
                if fact.kind == "completed":
                    assert isinstance(fact.result, dict)
                    return str(fact.result["outcome"]), str(fact.result.get("by"))
        raise AssertionError
