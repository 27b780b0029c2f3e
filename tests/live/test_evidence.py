"""`perdure audit receipt` and `evidence` on a whole suite: files that prove what happened to who was not there."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import pytest_asyncio

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.ledger import Checkpoint, ProofFile, Verifier, sign_checkpoint
from perdure.ledger.key_text import read_signer
from perdure.record.evidence_check import check_evidence
from perdure.record.seen import Seen, SeenCheckpoints
from tests.support.command_line import perdure_of, printed, published_run
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGEST = 2048  # bytes of a receipt
DATA = '{"title": "Send it", "policy": {"people": ["ada"]}}'

live = shared_world(routes=[{"on": "work.asking", "start": "Asking"}])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(live: World) -> AsyncIterator[str]:
    """A run whose request ada has approved."""
    enrol(ApproversFile(live.settings.approvers_file), live.settings.keys_folder, "ada", roles=[])
    done = await perdure_of(live.settings.state, "publish", "work.asking", DATA, "--id", "asked")
    assert done.returncode == 0, done.stderr
    run = published_run("Asking", "asked")
    async with asyncio.timeout(100):
        while not await live.bus.count_by_subject("approvals.requested.*.*"):
            await asyncio.sleep(0.2)
    (shown,) = printed(await perdure_of(live.settings.state, "approvals", "show", f"{run}.1", "--json"))
    approved = await perdure_of(live.settings.state, "approve", f"{run}.1", "--as", "ada", "--digest", shown["digest"])
    assert approved.returncode == 0, approved.stderr
    await live.stories(run)
    yield run


def verifier(live: World) -> Verifier:
    """Return the key that a third party was given."""
    return read_signer(live.settings.ledger_key.read_text()).verifier


async def audit(live: World, *arguments: str) -> CompletedProcess[str]:
    return await perdure_of(live.settings.state, "audit", *arguments)


async def test_a_receipt_proves_the_message_that_stands_for_a_thing(live: World, run: str, tmp_path: Path) -> None:
    for what, stream, kind in (
        (run, "PROGRESS", "progress"),
        (f"{run}.1", "APPROVALS", "approvals.decided"),
        ("asked", "EVENTS", "events.work.asking"),
        ("DECISIONS:1", "DECISIONS", "decisions"),
    ):
        file = tmp_path / "x.tlog-proof"
        done = await audit(live, "receipt", what, "-o", str(file))
        assert done.returncode == 0, done.stderr

        proof = ProofFile.parse(file.read_text())
        checkpoint = proof.verified([verifier(live)])
        entry = json.loads(proof.extra)
        assert (entry["stream"], entry["subject"].startswith(kind)) == (stream, True)
        assert f"{stream}:{entry['sequence']}" in done.stderr
        assert checkpoint.origin == "perdure"
        assert len(file.read_bytes()) <= LARGEST
    written = await audit(live, "receipt", "asked")
    assert (
        ProofFile.parse(written.stdout).index == ProofFile.parse((await audit(live, "receipt", "asked")).stdout).index
    )


@pytest.mark.usefixtures("run")
async def test_what_nothing_has_recorded_has_no_receipt(live: World) -> None:
    absent = await audit(live, "receipt", "no-such-thing")
    beyond = await audit(live, "receipt", "DECISIONS:99")

    assert (absent.returncode, absent.stdout) == (4, "")
    assert (beyond.returncode, beyond.stdout) == (3, "")
    assert "DECISIONS:99: no signed checkpoint has it yet" in beyond.stderr


async def test_evidence_is_checked_without_the_suite(live: World, run: str, tmp_path: Path) -> None:
    file = tmp_path / "decision.json"
    done = await audit(live, "evidence", f"{run}.1", "-o", str(file))
    assert done.returncode == 0, done.stderr

    report = check_evidence(file.read_text(), [verifier(live)])

    assert (report.faults, report.outcome, report.votes) == ((), "approve", ("ada",))
    changed = file.read_text().replace('"sequence": 1', '"sequence": 2', 1)
    assert check_evidence(changed, [verifier(live)]).faults


async def test_a_client_that_was_shown_another_history_refuses_the_record(live: World, run: str) -> None:
    """Whoever has the ledger's key signed that other history for it, as long as this one."""
    seen = SeenCheckpoints.of_suite(live.settings.state)
    assert (await audit(live, "tail")).returncode == 0
    before = seen.newest("perdure")
    assert before is not None
    signer = read_signer(live.settings.ledger_key.read_text())
    other = Seen(before.key, sign_checkpoint(Checkpoint("perdure", before.opened().size, bytes(32)), signer))
    assert seen.replace("perdure", before, other)
    try:
        commands = [("tail",), ("receipt", "asked"), ("evidence", f"{run}.1")]
        refused = [await audit(live, *it) for it in commands]
        refused.append(await perdure_of(live.settings.state, "explain", run))
    finally:
        assert seen.replace("perdure", other, before)

    for done in refused:
        assert (done.returncode, done.stdout) == (1, "")
        assert "The ledger perdure shows two histories" in done.stderr
        assert before.opened().root.hex() in done.stderr or "leaves with the root" in done.stderr
        assert bytes(32).hex() in done.stderr
    (file, *_) = seen.folder.glob("perdure.fork-*.json")
    assert json.loads(file.read_text())["seen"]["note"] == other.note
    assert (await audit(live, "tail")).returncode == 0, "the first history is followed again"
