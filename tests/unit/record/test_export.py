"""An export has every leaf, lies as C2SP tlog-tiles wants it, and grows without losing what it had."""

import itertools
import os
import random
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.errors import Conflict
from perdure.ledger import (
    Checkpoint,
    GrowingTree,
    Kept,
    Leaf,
    Signer,
    edge_tiles,
    leaf_hash,
    record_entry,
    sign_checkpoint,
    tile_path,
)
from perdure.ledger.bundle import BadBundle, bundle_of, entries_of
from perdure.record import layout
from perdure.record.export import Export, PublishedNote
from perdure.record.export_files import FolderFiles
from perdure.record.export_writer import ExportWriter
from perdure.record.layout import DamagedExport

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
SIGNER = Signer("perdure", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def leaf(number: int) -> Leaf:
    headers = {"ce-id": str(number), "x": "\ud800 ü"}
    stored_at = BEGAN + timedelta(microseconds=number)
    kept = Kept("EVENTS", number + 1, stored_at, "events.a", headers, b"%d" % number * 3, number.to_bytes(32, "big"))
    return number, record_entry(kept), kept


def tree(size: int) -> tuple[GrowingTree, dict[str, bytes]]:
    """Return the tree over so many leaves, and its tiles by path."""
    grown = GrowingTree()
    tiles = grown.append(leaf_hash(leaf(number)[1]) for number in range(size))
    return grown, {tile_path(*key, len(tile) // 32): tile for key, tile in tiles.items()}


def note(size: int) -> PublishedNote:
    return PublishedNote(size, BEGAN, sign_checkpoint(Checkpoint("perdure", size, tree(size)[0].root()), SIGNER))


def write(folder: Path, first: int, end: int, *notes: PublishedNote) -> None:
    with ExportWriter(folder, "perdure") as writer:
        assert writer.size == first
        writer.add(map(leaf, range(first, end)))
        writer.finish(notes, [SIGNER.verifier])


def read(folder: Path) -> list[Leaf]:
    return [one for part in Export(FolderFiles(folder)).leaves() for one in part]


def files(folder: Path) -> dict[str, bytes]:
    return {it.relative_to(folder).as_posix(): it.read_bytes() for it in folder.rglob("*") if it.is_file()}


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("layout", "export", "export_writer", "records_writer"):
        monkeypatch.setattr(f"perdure.record.{module}.LEAVES_A_FILE", 2 * 256)
    monkeypatch.setattr("perdure.record.export_writer.sync", lambda: None)  # no power fails here


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 513, 1300])
def test_all_leaves_come_back_in_order(tmp_path: Path, size: int) -> None:
    write(tmp_path, 0, size)

    export = Export(FolderFiles(tmp_path))

    assert (export.ledger, export.size, export.keys()) == ("perdure", size, [SIGNER.verifier])
    assert read(tmp_path) == [leaf(number) for number in range(size)]
    assert list(export.records()) == [(number, leaf(number)[2]) for number in range(size)]


def test_an_export_that_grew_in_steps_has_the_files_of_one_that_did_not(tmp_path: Path) -> None:
    chance = random.Random(24)  # noqa: S311 (the same steps each time)
    size = 0
    while size < 1300:
        end = min(1300, size + chance.choice([0, 1, 100, 256, 400]))
        signed = chance.randint(size // 2, end)
        write(tmp_path / "grown", size, end, note(signed))
        size = end
    write(tmp_path / "grown", 1300, 1300, note(1200))

    write(tmp_path / "whole", 0, 1300, *Export(FolderFiles(tmp_path / "grown")).checkpoints())

    assert files(tmp_path / "grown") == files(tmp_path / "whole")


@pytest.mark.parametrize("signed", [1, 256, 700, 1024, 1299, 1300])
def test_other_programs_find_the_tiles_of_the_checkpoint(tmp_path: Path, signed: int) -> None:
    write(tmp_path, 0, 1300, note(signed))

    found = files(tmp_path)

    assert found["checkpoint"].decode() == note(signed).note
    for (level, number), width in edge_tiles(signed):
        if width:
            path = tile_path(level, number, width)
            assert found[path] == tree(signed)[1][path]
    for path, tile in tree(1300)[1].items():
        assert found[path] == tile
    entries = [leaf(number)[1] for number in range(signed)]
    for number in range(signed // 256):
        assert entries_of(found[tile_path("entries", number)]) == entries[256 * number : 256 * (number + 1)]
    if rest := signed % 256:
        assert entries_of(found[tile_path("entries", signed // 256, rest)]) == entries[-rest:]


def test_what_was_written_without_manifest_is_written_again(tmp_path: Path) -> None:
    write(tmp_path, 0, 300, note(300))
    with ExportWriter(tmp_path, "perdure") as writer:
        writer.add(map(leaf, range(300, 1200)))  # and it is killed

    assert read(tmp_path) == [leaf(number) for number in range(300)]
    write(tmp_path, 300, 1000)
    assert read(tmp_path) == [leaf(number) for number in range(1000)]


def test_an_export_killed_at_any_file_goes_on(tmp_path: Path) -> None:
    """Each file takes its name by a rename: the process dies before and after each of them."""
    write(tmp_path / "begun", 0, 300, note(300))
    shutil.copytree(tmp_path / "begun", tmp_path / "whole")
    write(tmp_path / "whole", 300, 1100, note(900))
    expected = files(tmp_path / "whole")
    for renames in itertools.count():
        folder = tmp_path / f"killed-{renames}"
        shutil.copytree(tmp_path / "begun", folder)
        if not killed_after(renames, folder):
            break

        assert len(read(folder)) in {300, 1100}
        begun = Export(FolderFiles(folder)).size
        write(folder, begun, 1100, note(900))
        found = files(folder)
        assert {path: found[path] for path in expected} == expected
    assert renames > 20


def killed_after(renames: int, folder: Path) -> bool:
    """Let a process export, and kill itself before a rename, or with an odd number after it; return whether it did."""
    child = os.fork()
    if child == 0:
        left, rename = itertools.count(), Path.replace

        def replace_or_die(self: Path, target: Path) -> Path:
            number = next(left)
            if number == renames // 2 and renames % 2 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = rename(self, target)
            if number == renames // 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        Path.replace = replace_or_die  # type: ignore[method-assign,assignment]
        try:
            write(folder, 300, 1100, note(900))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_leaf_that_the_database_lacks_keeps_its_place(tmp_path: Path) -> None:
    with ExportWriter(tmp_path, "perdure") as writer:
        writer.add(leaf(number) for number in range(600) if number not in {3, 255, 256, 599})
        writer.finish([], [])

    assert [one[0] for one in read(tmp_path)] == [it for it in range(599) if it not in {3, 255, 256}]


def test_an_erased_body_and_a_deleted_record_come_back_as_such(tmp_path: Path) -> None:
    _, entry, kept = leaf(0)
    assert kept is not None
    written: list[Leaf] = [(0, entry, replace(kept, body=None, headers={}, salt=b"")), (1, leaf(1)[1], None)]
    with ExportWriter(tmp_path, "perdure") as writer:
        writer.add(written)
        writer.finish([], [])

    assert read(tmp_path) == written


def test_the_folder_of_another_ledger_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 0, 3)

    with pytest.raises(Conflict, match="has the ledger perdure, not other"):
        ExportWriter(tmp_path, "other")


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").touch()

    with pytest.raises(Conflict, match=r"holds other files \(perdure.yaml\)"):
        write(tmp_path, 0, 1)

    assert {it.name for it in tmp_path.iterdir()} <= {"perdure.yaml", ".lock"}


def test_two_exports_into_one_folder_are_refused(tmp_path: Path) -> None:
    with ExportWriter(tmp_path, "perdure"), pytest.raises(Conflict, match="Another process exports into"):
        ExportWriter(tmp_path, "perdure")


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    write(tmp_path, 0, 600)
    for path in (layout.records_path(0), layout.bundle_path(1), layout.bundle_path(2, 88)):
        whole = (tmp_path / path).read_bytes()
        (tmp_path / path).unlink()
        if damage != "gone":
            (tmp_path / path).write_bytes(whole[:-3] if damage == "cut" else b"\xff" * 30)

        with pytest.raises(DamagedExport) as raised:
            read(tmp_path)

        assert raised.value.path == path
        (tmp_path / path).write_bytes(whole)
    assert len(read(tmp_path)) == 600


def test_a_bundle_that_is_cut_is_none() -> None:
    bundle = bundle_of([b"one", b"", b"three" * 1000])

    assert entries_of(bundle) == [b"one", b"", b"three" * 1000]
    for size in (1, len(bundle) - 1):
        with pytest.raises(BadBundle):
            entries_of(bundle[:size])
