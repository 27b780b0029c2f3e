"""Programs that are not ours verify what we write: Go's packages for transparency logs, over a thousand ledgers."""

import json
import os
import random
import subprocess
import sys
from base64 import b64decode, b64encode
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
    (folder / "verify.go").write_text(Path(__file__).with_name("verify.go").read_text())
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
