"""The newest checkpoint that a client has seen."""

from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.errors import SetupError
from perdure.ledger import Checkpoint, Signer, sign_checkpoint
from perdure.record.seen import Seen, SeenCheckpoints

SIGNER = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def head(size: int, origin: str = SIGNER.name) -> Seen:
    return Seen(str(SIGNER.verifier), sign_checkpoint(Checkpoint(origin, size, bytes(32)), SIGNER))


def test_what_was_kept_is_read_until_a_newer_one_takes_its_place(tmp_path: Path) -> None:
    seen = SeenCheckpoints(tmp_path / "seen")
    assert seen.newest(SIGNER.name) is None

    assert seen.replace(SIGNER.name, None, head(3))
    assert seen.replace(SIGNER.name, head(3), head(7))

    newest = SeenCheckpoints(tmp_path / "seen").newest(SIGNER.name)
    assert newest == head(7)
    assert newest.opened().size == 7
    assert seen.newest("other") is None


def test_a_checkpoint_that_another_process_kept_meanwhile_stays(tmp_path: Path) -> None:
    seen = SeenCheckpoints(tmp_path)
    seen.replace(SIGNER.name, None, head(5))

    assert not seen.replace(SIGNER.name, None, head(9))
    assert not seen.replace(SIGNER.name, head(3), head(9))

    assert seen.newest(SIGNER.name) == head(5)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"key": "x", "note": "y"}',
        f'{{"key": "{SIGNER.verifier}", "note": "example.com/ledger\\n9\\n"}}',
    ],
)
def test_a_file_that_was_changed_is_not_believed(tmp_path: Path, content: str) -> None:
    seen = SeenCheckpoints(tmp_path)
    seen.file(SIGNER.name).write_text(content)

    with pytest.raises(SetupError, match=r"example.com%2Fledger\.json holds no checkpoint that was seen"):
        seen.newest(SIGNER.name)


def test_a_checkpoint_of_another_ledger_is_not_believed(tmp_path: Path) -> None:
    seen = SeenCheckpoints(tmp_path)

    seen.replace(SIGNER.name, None, head(3, origin="other"))

    with pytest.raises(SetupError, match="It is a checkpoint of other"):
        seen.newest(SIGNER.name)


def test_it_lies_outside_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    file = SeenCheckpoints.of_suite(tmp_path / "project" / ".perdure").file("perdure")

    assert file.parent.name == "seen"
    assert file.is_relative_to(tmp_path / "data" / "perdure")


def grow(folder: Path, times: int) -> None:
    seen = SeenCheckpoints(folder)
    for _ in range(times):
        while True:
            before = seen.newest(SIGNER.name)
            if seen.replace(SIGNER.name, before, head(before.opened().size + 1 if before else 1)):
                break


def test_processes_at_once_lose_no_checkpoint(tmp_path: Path) -> None:
    context = get_context("forkserver")
    processes = [context.Process(target=grow, args=(tmp_path, 25)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    newest = SeenCheckpoints(tmp_path).newest(SIGNER.name)
    assert newest is not None
    assert newest.opened().size == 100
