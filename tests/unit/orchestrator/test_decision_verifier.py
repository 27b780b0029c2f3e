"""The verdict on a decision comes from its bytes; what was kept before can only make it stricter."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perdure.approvers import Approver, ApproversFile, Directory, PublicKey, SigningKey
from perdure.bus import MemoryBus, MemoryKeyValue, RawMessage, StoredMessage
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.errors import Unavailable
from perdure.flow.decision_verdict import DecisionVerdict
from perdure_orchestrator.decision_verifier import DecisionVerifier
from tests.support.people import approvers_file, directory, signed_body

T0 = datetime(2026, 11, 29, tzinfo=UTC)


class Case:
    """One run's decisions, and whoever may sign them."""

    def __init__(self, path: Path) -> None:
        self.ann, self.bus, self.kept = SigningKey.new(), MemoryBus(), MemoryKeyValue()
        self.bus.clock = lambda: T0
        self.file = approvers_file(path / "approvers.yaml", directory({"ann": self.ann}, roles={"ann": ["editor"]}))

    async def publish(self, body: bytes | None = None) -> int:
        body = signed_body(self.ann, "ann", "w.1", "a" * 64) if body is None else body
        return await self.bus.publish_raw(RawMessage("decisions.w", body, {}))

    def edit(self, edited: Directory) -> None:
        with self.file.changing() as (_, changed):
            changed.append(edited)

    def enrol(self, *, roles: tuple[str, ...] = ("editor",), revoked: datetime | None = None) -> None:
        key = PublicKey(public=self.ann.public, revoked=revoked)
        self.edit(Directory(approvers={"ann": Approver(roles=roles, keys=(key,))}))

    async def verdict(self, sequence: int = 1, workflow_id: str = "w") -> DecisionVerdict:
        return await DecisionVerifier(self.bus, RecordedApprovers(self.file, self.bus), self.kept).verdict(
            sequence, workflow_id
        )

    async def forge(self, verdict: DecisionVerdict, sha256: str | None = None) -> None:
        """Overwrite the kept verdict, as whoever can write to the bucket may."""
        found = await self.kept.get("DECISIONS.1")
        entry = json.loads(found) if found else {"sha256": "0" * 64}
        entry |= {"verdict": verdict.model_dump(mode="json"), **({"sha256": sha256} if sha256 else {})}
        await self.kept.put("DECISIONS.1", json.dumps(entry).encode())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


async def test_place_and_time_come_from_the_server_and_the_rest_from_the_signed_bytes(case: Case) -> None:
    await case.publish()

    received = (await case.verdict()).received

    assert received is not None
    assert (received.place, received.stored_at, received.roles) == ("DECISIONS.1", T0, ("editor",))
    assert (received.key_id, received.approvers_digest) == (case.ann.key_id, case.file.version().digest)


@pytest.mark.parametrize("after", [-1, 1])
async def test_a_revocation_counts_from_its_instant_whenever_the_decision_is_verified(case: Case, after: int) -> None:
    case.enrol(revoked=T0 + timedelta(seconds=after))
    await case.publish()

    assert (await case.verdict()).code == (None if after > 0 else "revoked_key")


async def test_a_first_refusal_stays_although_the_file_would_accept_today(case: Case) -> None:
    await case.publish()
    case.edit(directory({"bob": SigningKey.new()}))
    first = await case.verdict()
    case.enrol()

    assert first.code == "unknown_approver"
    assert await case.verdict() == first


async def test_a_first_verdict_keeps_the_roles_of_its_time(case: Case) -> None:
    await case.publish()
    first = await case.verdict()
    case.enrol(roles=("editor", "boss"))

    assert await case.verdict() == first


@pytest.mark.parametrize("gain", [{"roles": ("boss",)}, {"stands_in_for": ("bob",)}, {"proxy": None, "stored_at": T0}])
async def test_a_kept_verdict_that_somebody_wrote_grants_nothing(case: Case, gain: dict[str, object]) -> None:
    case.enrol(revoked=T0)  # the stolen key was revoked
    await case.publish()
    refused = await case.verdict()
    assert refused.received is not None
    await case.forge(DecisionVerdict(sequence=1, received=refused.received.model_copy(update=gain)))

    assert (await case.verdict()).code == "revoked_key"


async def test_a_kept_verdict_gives_no_role_that_the_file_does_not(case: Case) -> None:
    await case.publish()
    genuine = await case.verdict()
    assert genuine.received is not None
    await case.forge(
        DecisionVerdict(sequence=1, received=genuine.received.model_copy(update={"roles": ("editor", "boss")}))
    )

    assert await case.verdict() == genuine


async def test_a_kept_verdict_on_other_bytes_is_not_used(case: Case) -> None:
    await case.publish()
    genuine = await case.verdict()
    await case.forge(genuine.model_copy(update={"code": "forged", "reason": "no"}), sha256="0" * 64)

    assert (await case.verdict()).code is None


async def test_a_deleted_message_cannot_be_replaced_by_a_kept_verdict(case: Case) -> None:
    await case.publish()
    await case.verdict()
    await case.bus.delete("DECISIONS", 1)

    assert (await case.verdict()).code == "not_kept"
    assert (await case.verdict(2)).code == "not_kept"


async def test_a_refusal_of_a_deleted_message_is_kept(case: Case) -> None:
    await case.publish(signed_body(SigningKey.new(), "ann", "w.1", "a" * 64))
    first = await case.verdict()
    await case.bus.delete("DECISIONS", 1)

    assert first.code == "unknown_key"
    assert await case.verdict() == first


async def test_while_nobody_is_enrolled_where_the_worker_runs_there_is_no_verdict(case: Case) -> None:
    await case.publish()
    missing = RecordedApprovers(ApproversFile(case.file.path.with_name("missing.yaml")), case.bus)

    with pytest.raises(Unavailable, match="names nobody"):
        await DecisionVerifier(case.bus, missing, case.kept).verdict(1, "w")
    assert await case.kept.get("DECISIONS.1") is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"request_id": "w.1"}', b"\xff", b"[" * 100_000])
async def test_what_is_no_decision_is_refused_without_a_trace_in_the_bucket(case: Case, body: bytes) -> None:
    await case.publish(body)

    assert (await case.verdict()).code == "unreadable"
    assert await case.kept.get("DECISIONS.1") is None


async def test_a_decision_on_another_run_is_refused(case: Case) -> None:
    await case.publish()

    assert (await case.verdict(workflow_id="other")).received is None
    assert (await case.verdict()).code is None


async def test_while_the_approvers_file_is_broken_there_is_no_verdict(case: Case) -> None:
    await case.publish()
    case.file.path.write_text("approvers: [ann]")

    with pytest.raises(Unavailable, match="approvers"):
        await case.verdict()
    assert await case.kept.get("DECISIONS.1") is None


class Counted(MemoryBus):
    """A bus that counts the messages that are read by their place."""

    reads = 0

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        self.reads += 1
        return await super().get(stream, sequence)


@pytest.mark.parametrize(("workflow_id", "code"), [("w", None), ("other", "unreadable")])
async def test_what_was_verified_ahead_is_not_read_again_and_counts_for_its_run_only(
    case: Case, workflow_id: str, code: str | None
) -> None:
    case.bus = Counted()
    await case.publish()
    (message,) = [it async for it in case.bus.read("decisions.>")]
    verifier = DecisionVerifier(case.bus, RecordedApprovers(case.file, case.bus), case.kept)
    verifier.verify_ahead(message)

    assert (await verifier.verdict(1, workflow_id)).code == code
    assert case.bus.reads == 0
    assert (await verifier.verdict(1, "w")).code is None, "a step may run again"


async def test_what_could_not_be_verified_ahead_is_verified_when_the_run_asks(case: Case) -> None:
    await case.publish()
    (message,) = [it async for it in case.bus.read("decisions.>")]
    verifier = DecisionVerifier(case.bus, RecordedApprovers(case.file, case.bus), case.kept)
    text = case.file.path.read_text()
    case.file.path.unlink()
    verifier.verify_ahead(message)
    await asyncio.sleep(0.05)
    case.file.path.write_text(text)

    assert (await verifier.verdict(1, "w")).code is None


async def test_of_what_nobody_asks_for_little_is_kept(case: Case) -> None:
    await case.publish()
    (message,) = [it async for it in case.bus.read("decisions.>")]
    verifier = DecisionVerifier(case.bus, RecordedApprovers(case.file, case.bus), case.kept)
    for sequence in range(1, 1_001):
        verifier.verify_ahead(replace(message, sequence=sequence))

    assert len(verifier._ahead) <= 256  # noqa: SLF001
