"""Each version of the approvers file is on ADMIN, and that there was one outlives every process."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from perdure.approvers import Approver, ApproversFile, Directory, SigningKey
from perdure.bus.memory import MemoryBus
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.contracts import ApproversFileRead
from perdure.errors import Unavailable
from tests.support.people import approvers_file, directory

KNOWN = directory({"ada": SigningKey.new()}, roles={"ada": ["chief"]})


def records(bus: MemoryBus) -> list[ApproversFileRead]:
    return [message for message in bus.published if isinstance(message, ApproversFileRead)]


async def test_each_version_is_recorded_once_with_its_content_before_it_is_used(tmp_path: Path) -> None:
    file, bus = approvers_file(tmp_path / "approvers.yaml", KNOWN), MemoryBus()
    approvers = RecordedApprovers(ApproversFile(file.path), bus)

    first = await approvers.version()
    await approvers.version()
    await RecordedApprovers(ApproversFile(file.path), bus).version()  # another process, as JetStream sees it

    assert first.directory == KNOWN
    (record,) = records(bus)
    assert (record.digest, record.content) == (sha256(file.path.read_bytes()).hexdigest(), file.path.read_text())
    assert record.approvers == ("ada",)

    with file.changing() as (known, changed):
        changed.append(known.model_copy(update={"approvers": {**known.approvers, "bob": Approver()}}))
    second = await approvers.version()
    assert [it.digest for it in records(bus)] == [first.digest, second.digest]


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        pytest.param(Path.unlink, "is gone: ADMIN says", id="gone"),
        pytest.param(lambda path: path.write_text(""), "is empty", id="empty"),
        pytest.param(lambda path: path.write_text(path.read_text()[:-12]), "is cut off", id="cut off"),
    ],
)
async def test_after_a_restart_a_lost_file_is_still_an_outage(
    tmp_path: Path, harm: Callable[[Path], object], complaint: str
) -> None:
    file, bus = approvers_file(tmp_path / "approvers.yaml", KNOWN), MemoryBus()
    await RecordedApprovers(file, bus).version()
    harm(file.path)

    restarted = RecordedApprovers(ApproversFile(file.path), bus)

    with pytest.raises(Unavailable, match=complaint):
        await restarted.version()
    assert len(records(bus)) == 1


async def test_where_there_never_was_a_file_nobody_may_decide(tmp_path: Path) -> None:
    version = await RecordedApprovers(ApproversFile(tmp_path / "approvers.yaml"), MemoryBus()).version()

    assert (version.directory, version.digest) == (Directory(), None)
