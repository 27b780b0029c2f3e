"""Programs that are not ours verify what we write: Go's packages for transparency logs, over a thousand ledgers."""

import json
import os
import random
import subprocess
import sys
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sigstore._internal.rekor.checkpoint import SignedCheckpoint

from perdure.ledger import (
    Checkpoint,
    GrowingTree,
    ProofFile,
    Signer,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    range_hash,
    sign_checkpoint,
    tile_path,
)
from perdure.ledger.tiles import TileKey
from perdure.record.export import PublishedNote
from perdure.record.export_writer import ExportWriter

LEDGERS: Final = 1000
SOURCES: Final = Path("/usr/share/gocode/src/golang.org/x/mod")
GO: Final = Path(sys.prefix) / "bin" / "go"
MODULE: Final = f"module verify\ngo 1.19\nrequire golang.org/x/mod v0.7.0\nreplace golang.org/x/mod => {SOURCES}\n"


@pytest.fixture(scope="session")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert GO.exists(), "Go is not installed: run `make test`"
    assert SOURCES.exists(), (
        "The test needs Go's packages for transparency logs: apt-get install golang-golang-x-mod-dev"
    )
    folder = tmp_path_factory.mktemp("verifier")
    (folder / "go.mod").write_text(MODULE)
    for source in Path(__file__).parent.glob("*.go"):
        (folder / source.name).write_text(source.read_text())
    cache = {
        "GOCACHE": str(Path(sys.prefix) / "go-cache"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=mod",
    }
    built = subprocess.run(
        [str(GO), "build", "-mod=mod", "-o", "verify", "."],
        cwd=folder, env={**os.environ, **cache}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder / "verify"


def ledger(chance: random.Random) -> dict[str, Any]:
    """Return a ledger that grew in steps, with proofs, as the verifier reads it."""
    size = chance.choice([1, chance.randint(1, 20), chance.randint(1, 600), 256, 257, 512])
    entries = [chance.randbytes(chance.randint(0, 60)) for _ in range(size)]
    tree = GrowingTree()
    tiles: dict[TileKey, bytes] = {}
    while tree.size < size:
        tiles |= tree.append(leaf_hash(entry) for entry in entries[tree.size : tree.size + chance.randint(1, 300)])
    signer = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)))
    head = Checkpoint("example.com/ledger", size, tree.root())
    note = sign_checkpoint(head, signer)
    places = {chance.randrange(size) for _ in range(5)}
    sizes = {chance.randint(1, size) for _ in range(5)}
    return {
        "key": str(signer.verifier),
        "checkpoint": note,
        "entries": [b64encode(entry).decode() for entry in entries],
        "tiles": {tile_path(*key, len(tile) // 32): b64encode(tile).decode() for key, tile in tiles.items()},
        "included": [{"index": index, "path": hashes(inclusion_ranges(index, size), tiles)} for index in places],
        "proofs": [receipt(index, size, entries[index], tiles, note) for index in places if entries[index]],
        "grown": [{"old": old, "path": hashes(consistency_ranges(old, size), tiles)} for old in sizes],
    }


def receipt(index: int, size: int, entry: bytes, tiles: dict[TileKey, bytes], note: str) -> str:
    path = tuple(range_hash(start, end, tiles) for start, end in inclusion_ranges(index, size))
    return str(ProofFile(index, path, note, entry))


def hashes(ranges: list[tuple[int, int]], tiles: dict[TileKey, bytes]) -> list[str]:
    return [b64encode(range_hash(start, end, tiles)).decode() for start, end in ranges]


def verified(verifier: Path, ledgers: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    lines = "".join(json.dumps(one) + "\n" for one in ledgers)
    return subprocess.run([str(verifier)], input=lines, capture_output=True, text=True, timeout=120, check=False)


def test_go_agrees_with_a_thousand_random_ledgers(verifier: Path) -> None:
    chance = random.Random(24)  # noqa: S311 (the same ledgers each time)

    done = verified(verifier, [ledger(chance) for _ in range(LEDGERS)])

    assert (done.returncode, done.stdout.count("ok"), done.stderr) == (0, LEDGERS, "")


@pytest.mark.parametrize("changed", ["checkpoint", "entries", "tiles", "included", "proofs", "grown"])
def test_go_refuses_what_was_changed(verifier: Path, changed: str) -> None:
    chance = random.Random(24)  # noqa: S311 (the same ledgers each time)
    whole = next(one for one in iter(lambda: ledger(chance), None) if len(one["entries"]) > 300)
    other = next(one for one in iter(lambda: ledger(chance), None) if len(one["entries"]) > 300)

    done = verified(verifier, [{**whole, changed: other[changed]}])

    assert done.returncode == 1, done.stdout


def export(folder: Path, size: int, signed: int) -> str:
    """Write an export of which the checkpoint covers some leaves; return the ledger's key."""
    signer = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    chance = random.Random(24)  # noqa: S311 (the same ledger each time)
    entries = [b"%d %b" % (number, chance.randbytes(20)) for number in range(size)]
    tree = GrowingTree()
    tree.append(map(leaf_hash, entries[:signed]))
    note = sign_checkpoint(Checkpoint(signer.name, signed, tree.root()), signer)
    with ExportWriter(folder, signer.name) as writer:
        writer.add((leaf, entry, None) for leaf, entry in enumerate(entries))
        writer.finish([PublishedNote(1, datetime(2026, 11, 30, tzinfo=UTC), note)], [signer.verifier])
    return str(signer.verifier)


def folder_verified(verifier: Path, folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([verifier, folder, key], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("size", "signed"), [(1, 1), (255, 255), (256, 256), (257, 100), (700, 513), (66_000, 66_000), (66_000, 65_700)]
)
def test_go_reads_an_exported_folder_as_any_client_of_tiles_does(
    verifier: Path, tmp_path: Path, size: int, signed: int
) -> None:
    key = export(tmp_path / "record", size, signed)

    done = folder_verified(verifier, tmp_path / "record", key)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"ok: {signed} leaves\n", "")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("tile/0/000", "entry 0 is not the leaf in its tile"),
        ("tile/0/002.p/188", "entry 512 is not the leaf in its tile"),
        ("tile/1/000.p/2", "tile/1/000.p/2 is not that of its leaves"),
        ("tile/entries/001", "entry 256 is not the leaf in its tile"),
        ("tile/entries/002.p/188", "entry 512 is not the leaf in its tile"),
        ("checkpoint", "note"),
    ],
)
def test_go_refuses_an_exported_folder_in_which_a_byte_was_changed(
    verifier: Path, tmp_path: Path, path: str, problem: str
) -> None:
    key = export(tmp_path / "record", 700, 700)
    file = tmp_path / "record" / path
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(content)

    done = folder_verified(verifier, tmp_path / "record", key)

    assert (done.returncode, done.stdout) == (1, "")
    assert problem in done.stderr


def test_go_refuses_an_entry_that_was_changed_together_with_its_tile(verifier: Path, tmp_path: Path) -> None:
    key = export(tmp_path / "record", 700, 700)
    bundle, tile = (tmp_path / "record" / "tile" / name / "000" for name in ("entries", "0"))
    content = bytearray(bundle.read_bytes())
    content[2] ^= 1
    bundle.write_bytes(content)
    entry = bytes(content[2 : 2 + int.from_bytes(content[:2], "big")])
    tile.write_bytes(leaf_hash(entry) + tile.read_bytes()[32:])

    done = folder_verified(verifier, tmp_path / "record", key)

    assert (done.returncode, "the entries do not lead to the checkpoint" in done.stderr) == (1, True)


def test_sigstore_reads_our_checkpoints() -> None:
    signer = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    head = Checkpoint("example.com/ledger", 7, bytes(range(32)))

    read = SignedCheckpoint.from_text(sign_checkpoint(head, signer))

    assert (read.checkpoint.origin, read.checkpoint.log_size) == (head.origin, head.size)
    assert (read.checkpoint.log_hash, read.checkpoint.other_content) == (head.root.hex(), [])
    (signature,) = read.signed_note.signatures
    assert (signature.name, signature.sig_hash) == (signer.name, signer.verifier.id)
    key = Ed25519PublicKey.from_public_bytes(signer.verifier.key)
    key.verify(b64decode(signature.signature), read.signed_note.note.encode())  # raises if it does not hold
