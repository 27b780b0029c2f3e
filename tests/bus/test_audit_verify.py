"""What somebody who owns the record of a real audit service can do to it, and how `perdure audit verify` names it."""

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.bus import RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.ledger import (
    Checkpoint,
    GrowingTree,
    Kept,
    Leaf,
    Signer,
    leaf_hash,
    open_checkpoint,
    record_entry,
    sign_checkpoint,
)
from perdure.ledger.key_text import read_signer
from perdure.record.export import Export, PublishedNote
from perdure.record.export_files import FolderFiles
from perdure.record.export_writer import ExportWriter
from tests.support.command_line import perdure
from tests.support.nats_server import nats_server

FIRST, ALL = 400, 700  # leaves of the first and of the last checkpoint, at least
CHANGED = 123  # the leaf at which most is done


@dataclass(frozen=True)
class Audited:
    """What a real audit service has recorded and signed.

    Attributes:
        state: Its state folder.
        nats: The server, which is still there.
    """

    state: Path
    nats: NatsSettings

    def copy(self, folder: Path) -> "Audited":
        shutil.copytree(self.state, folder / "state")
        return Audited(folder / "state", self.nats)

    def run(self, *arguments: str | Path, bus: bool = True, client: str = "data") -> subprocess.CompletedProcess[str]:
        environment = {"PERDURE_STATE": str(self.state), "XDG_DATA_HOME": str(self.state.parent / client)}
        if bus:
            environment["PERDURE_NATS__SERVERS"] = json.dumps(self.nats.servers)
        return perdure(self.state.parent, "audit", *map(str, arguments), environment=environment)

    def change(self, statement: str, *values: bytes | int) -> None:
        with closing(sqlite3.connect(self.state / "audit" / "audit.db")) as database, database:
            database.execute(statement, values)

    def export(self, folder: Path) -> Export:
        done = self.run("export", folder)
        assert done.returncode == 0, done.stderr
        return Export(FolderFiles(folder))

    def forge(
        self, folder: Path, change: Callable[[Leaf], Leaf] = lambda leaf: leaf, size: int = ALL, key: str = "real"
    ) -> Path:
        """Write an export of another history, all of which is signed anew."""
        self.export(folder / "honest")
        signer = read_signer((self.state / "audit" / "ledger.key").read_text())
        leaves = [change(one) for part in Export(FolderFiles(folder / "honest")).leaves() for one in part][:size]
        notes, tree = [], GrowingTree()
        for first in range(0, len(leaves), 100):
            tree.append(leaf_hash(entry) for _, entry, _ in leaves[first : first + 100])
            note = sign_checkpoint(Checkpoint("perdure", tree.size, tree.root()), signer)
            if key == "stripped":
                note = note.split("— ")[0] + "— perdure c3RyaXBwZWQ=\n"
            notes.append(PublishedNote(first + 1, datetime.now(UTC), note))
        with ExportWriter(folder / "forged", "perdure") as writer:
            writer.add(leaves)
            writer.finish(notes, [signer.verifier])
        return folder / "forged"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("audited")
    with nats_server(folder) as nats:
        asyncio.run(record(folder, nats))
        yield Audited(folder / "state", nats)


async def record(folder: Path, nats: NatsSettings) -> None:
    """Let a real audit service record and sign events, and stop it."""
    variables = {
        "PERDURE_STATE": str(folder / "state"),
        "PERDURE_NATS__SERVERS": json.dumps(nats.servers),
        "PERDURE_AUDIT__HTTP_PORT": "0",
    }
    async with connect(nats, source="perdure/test", within=5) as bus:
        await provision(bus.js, "operator")
        audit = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "perdure_audit", cwd=folder, env={**os.environ, **variables}
        )
        try:
            for number in (FIRST, ALL - FIRST):
                for _ in range(number):
                    await bus.publish_raw(RawMessage("events.a", b'{"secret": "body"}', {"ce-id": "1"}))
                size = FIRST if number == FIRST else ALL
                while (newest := await bus.last("checkpoints.perdure")) is None or size_in(newest.raw.body) < size:
                    await asyncio.sleep(0.1)
        finally:
            audit.send_signal(signal.SIGTERM)
            await audit.wait()


def size_in(body: bytes) -> int:
    size = json.loads(body)["size"]
    assert isinstance(size, int)
    return size


@pytest.fixture
def audited(whole: Audited, tmp_path: Path) -> Audited:
    return whole.copy(tmp_path)


def test_an_honest_record_holds(audited: Audited, tmp_path: Path) -> None:
    audited.export(tmp_path / "record")

    for arguments in ([], [tmp_path / "record"]):
        done = audited.run("verify", *arguments)

        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert [line.split(":")[0] for line in lines] == ["integrity holds", "completeness holds", "freshness holds"]
        assert f"{ALL} leaves of perdure" in lines[0]
        assert f"EVENTS 1 to {ALL}" in lines[1]
        assert f"{ALL} of {ALL} leaves are signed" in lines[2]


ROW = f"leaf = {CHANGED}"


@pytest.mark.parametrize(
    ("statements", "verdict", "leaf", "text"),
    [
        (["UPDATE records SET body = x'00' WHERE leaf = 123"], "integrity", CHANGED, f"EVENTS:{CHANGED + 1}"),
        (["UPDATE records SET salt = x'00' WHERE leaf = 123"], "integrity", CHANGED, "was changed"),
        (["UPDATE records SET headers = '{}' WHERE leaf = 123"], "integrity", CHANGED, "was changed"),
        (["DELETE FROM records WHERE leaf = 123"], "integrity", CHANGED, "was deleted"),
        (
            [
                "UPDATE records SET leaf = -1 WHERE leaf = 123",
                "UPDATE records SET leaf = 123 WHERE leaf = 200",
                "UPDATE records SET leaf = 200 WHERE leaf = -1",
            ],
            "integrity",
            200,
            "was changed",
        ),
        (
            ["DELETE FROM leaves WHERE leaf = 123", "DELETE FROM records WHERE leaf = 123"],
            "integrity",
            CHANGED,
            "was deleted",
        ),
        (
            ["DELETE FROM leaves WHERE leaf = 123", "DELETE FROM records WHERE leaf = 123"],
            "completeness",
            None,
            f"EVENTS:{CHANGED + 1} has no leaf",
        ),
        (["UPDATE leaves SET entry = x'7b7d' WHERE leaf = 123"], "integrity", CHANGED, "is no entry"),
        (
            ["UPDATE leaves SET entry = (SELECT entry FROM leaves WHERE leaf = 7) WHERE leaf = 123"],
            "integrity",
            CHANGED,
            "is a second one for EVENTS:8",
        ),
        (
            ["DELETE FROM leaves WHERE leaf >= 650", "DELETE FROM records WHERE leaf >= 650"],
            "freshness",
            650,
            f"CHECKPOINTS has a checkpoint over {ALL} leaves, and only 650 are here",
        ),
        (["UPDATE tiles SET hashes = zeroblob(8192) WHERE number = 1"], "integrity", 256, "Tile 1 of level 0"),
    ],
)
def test_what_was_done_to_the_database_is_named(
    audited: Audited, statements: list[str], verdict: str, leaf: int | None, text: str
) -> None:
    for statement in statements:
        audited.change(statement)

    shown, found = audited.run("verify"), audited.run("verify", "--json")

    assert (shown.returncode, found.returncode) == (1, 1)
    faults = json.loads(found.stdout)["faults"]
    assert any((it["verdict"], it["leaf"]) == (verdict, leaf) and text in it["text"] for it in faults), faults
    assert text in shown.stdout


def other_body(from_leaf: int) -> Callable[[Leaf], Leaf]:
    def changed(leaf: Leaf) -> Leaf:
        index, _, kept = leaf
        if index < from_leaf or kept is None:
            return leaf
        other: Kept = replace(kept, body=b"forged")
        return index, record_entry(other), other

    return changed


def test_rewritten_leaves_under_old_checkpoints_are_named(audited: Audited, tmp_path: Path) -> None:
    """The bus has the old checkpoints: they vouch for other leaves."""
    forged = Export(FolderFiles(audited.forge(tmp_path, other_body(CHANGED))))
    for index, entry, _ in (one for part in forged.leaves() for one in part):
        if index >= CHANGED:
            audited.change("UPDATE leaves SET entry = ? WHERE leaf = ?", entry, index)
            audited.change("UPDATE records SET body = ? WHERE leaf = ?", b"forged", index)

    done = audited.run("verify")

    assert done.returncode == 1
    assert "is not what the checkpoint of CHECKPOINTS vouches for" in done.stdout


def test_what_is_rewritten_and_signed_with_the_real_key_is_found_by_who_has_seen_it(
    audited: Audited, tmp_path: Path
) -> None:
    honest = audited.export(tmp_path / "before")
    (tmp_path / "kept").write_text(honest.read("checkpoint").decode())
    forged = audited.forge(tmp_path, other_body(CHANGED))

    nothing_known = audited.run("verify", forged, bus=False)
    known = audited.run("verify", forged, "--known", tmp_path / "kept", bus=False)

    assert nothing_known.returncode == 0  # which nobody can see from the record alone
    assert known.returncode == 1
    assert f"to leaf {ALL - 1} is not what the checkpoint of {tmp_path / 'kept'} vouches for" in known.stdout


def test_the_last_checkpoint_seen_finds_a_history_that_was_signed_anew(audited: Audited, tmp_path: Path) -> None:
    assert audited.run("verify").returncode == 0  # and it is kept

    forged = audited.run("verify", audited.forge(tmp_path / "a", other_body(CHANGED)), bus=False)
    cut = audited.run("verify", audited.forge(tmp_path / "b", size=600), bus=False)

    assert (forged.returncode, cut.returncode) == (1, 1)
    assert "is not what the checkpoint of this client, seen before, vouches for" in forged.stdout
    assert f"has a checkpoint over {ALL} leaves, and only 600 are here: the end was cut" in cut.stdout
    assert "freshness at leaf 600" in cut.stdout


def test_two_histories_that_two_clients_were_shown_are_found_when_they_compare(
    audited: Audited, tmp_path: Path
) -> None:
    one, other = (audited.forge(tmp_path / name, other_body(at)) for name, at in (("a", 300), ("b", 500)))

    alone = [
        audited.run("verify", it, bus=False, client=client).returncode for client, it in (("a", one), ("b", other))
    ]
    compared = audited.run("verify", one, "--known", other / "checkpoints.jsonl", bus=False, client="a")
    shown_both = audited.run("verify", other, bus=False, client="a")

    assert alone == [0, 0]
    assert (compared.returncode, shown_both.returncode) == (1, 1)
    assert "integrity at leaf 300: Something from leaf 300 to leaf 399" in compared.stdout


def test_an_era_that_nobody_signed_after_a_restore_is_named(audited: Audited) -> None:
    """The database is an old copy, which went on: audit no longer signs."""
    audited.change("DELETE FROM leaves WHERE leaf >= 500")
    audited.change("INSERT INTO leaves SELECT leaf + 500, entry FROM leaves WHERE leaf < 250")

    done = audited.run("verify")

    assert done.returncode == 1
    assert f"freshness at leaf {FIRST}: No checkpoint vouches for leaf {FIRST} and those after it." in done.stdout


def test_stripped_signatures_are_not_trusted(audited: Audited, tmp_path: Path) -> None:
    done = audited.run("verify", audited.forge(tmp_path, key="stripped"), bus=False)

    assert done.returncode == 1
    assert "A checkpoint of the export over 100 leaves does not count: None of the known keys signed it" in done.stdout
    assert "No checkpoint vouches for leaf 0" in done.stdout


def test_a_key_that_came_with_the_record_is_trusted_on_first_use_and_says_so(audited: Audited, tmp_path: Path) -> None:
    audited.export(tmp_path / "record")
    stranger = Audited(tmp_path / "stranger" / "state", audited.nats)
    stranger.state.mkdir(parents=True)
    key = audited.run("key").stdout.strip()
    (tmp_path / "other.vkey").write_text(read_other_key())

    first = stranger.run("verify", tmp_path / "record", bus=False)
    named = stranger.run("verify", tmp_path / "record", "--key", key, bus=False)
    other = stranger.run("verify", tmp_path / "record", "--key", tmp_path / "other.vkey", bus=False)

    assert (first.returncode, named.returncode, other.returncode) == (0, 0, 1)
    assert "trusted on first use" in first.stdout
    assert f"{key} (--key)" in named.stdout
    assert "does not count" in other.stdout


def read_other_key() -> str:
    return f"{Signer('perdure', Ed25519PrivateKey.generate()).verifier}\n"


def test_an_export_behind_an_address_is_verified(audited: Audited, tmp_path: Path) -> None:
    audited.export(tmp_path / "record")

    with serving(tmp_path) as address:
        whole = audited.run("verify", f"{address}/record", bus=False)
        absent = audited.run("verify", f"{address}/nothing", bus=False)
    gone = audited.run("verify", f"{address}/record", bus=False)

    assert (whole.returncode, absent.returncode, gone.returncode) == (0, 4, 75), whole.stderr


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_copy_of_this_suites_database_is_compared_with_its_bus(audited: Audited, tmp_path: Path) -> None:
    copy = database_of(audited, tmp_path / "copy.db")
    named = audited.run("key").stdout.strip()

    for key in ([], ["--key", named]):
        done = audited.run("verify", "--database", copy, *key, "--json")

        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["compared_with"]["CHECKPOINTS"] > 0


def test_the_database_of_another_ledger_is_not_compared_with_this_suites_bus(audited: Audited, tmp_path: Path) -> None:
    """Its key tells: whether it has another name, or the one that every ledger has that nobody named."""
    copy = database_of(audited, tmp_path / "theirs.db")
    leaves = [leaf_hash(entry) for part in audited.export(tmp_path / "record").leaves() for _, entry, _ in part]
    tree = GrowingTree()
    tree.append(leaves)
    for name in ("perdure", "example.com/theirs"):
        theirs = Signer(name, Ed25519PrivateKey.generate())
        (tmp_path / "theirs").write_text(sign_checkpoint(Checkpoint(name, tree.size, tree.root()), theirs))
        judged = ("verify", "--database", copy, "--key", str(theirs.verifier))

        with_theirs = audited.run(*judged, "--known", tmp_path / "theirs", "--json")
        alone = audited.run(*judged)
        temporal = audited.run(*judged, "--temporal")

        assert with_theirs.returncode == 0, with_theirs.stdout
        result = json.loads(with_theirs.stdout)
        assert (result["ledger"], result["compared_with"]) == (name, {str(tmp_path / "theirs"): 1})
        assert "is another ledger's key than that of this suite" in with_theirs.stderr
        assert (alone.returncode, "No checkpoint vouches for leaf 0" in alone.stdout) == (1, True)
        assert (temporal.returncode, "another ledger's" in temporal.stderr) == (2, True)


def database_of(audited: Audited, copy: Path) -> str:
    shutil.copy(audited.state / "audit" / "audit.db", copy)
    return f"sqlite+aiosqlite:///{copy}"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["verify", "nowhere"], 4),
        (["verify", "--database", "sqlite+aiosqlite:///nowhere.db"], 4),
        (["verify", "--database", "no url"], 2),
        (["verify", "x", "--database", "y"], 2),
        (["verify", "--known", "nowhere"], 2),
        (["verify", "--key", "nobody"], 2),
        (["export", "there", "--database", "postgresql+asyncpg://127.0.0.1:1/x"], 75),
    ],
)
def test_the_exit_code_says_what_is_wrong(audited: Audited, arguments: list[str], code: int) -> None:
    done = audited.run(*arguments)

    assert done.returncode == code, done.stderr
    assert done.stderr


def test_an_export_adds_what_is_new_and_refuses_another_history(audited: Audited, tmp_path: Path) -> None:
    shutil.copytree(audited.state, tmp_path / "old" / "state")
    old = Audited(tmp_path / "old" / "state", audited.nats)
    old.change("DELETE FROM leaves WHERE leaf >= 300")
    old.export(tmp_path / "record")

    added = audited.run("export", tmp_path / "record", "--json")
    again = audited.run("export", tmp_path / "record", "--json")
    shorter = old.run("export", tmp_path / "record")
    audited.change("UPDATE tiles SET hashes = (SELECT hashes FROM tiles WHERE number = 1) WHERE number = 0")
    other = audited.run("export", tmp_path / "record")

    assert [json.loads(it.stdout)["added"] for it in (added, again)] == [ALL - 300, 0]
    assert (shorter.returncode, other.returncode) == (1, 1)
    assert "its end was cut, or it is an older copy" in shorter.stderr
    assert f"has other leaves among the first {ALL}" in other.stderr


def test_the_key_of_a_checkpoint_is_printed_for_others(audited: Audited, tmp_path: Path) -> None:
    note = audited.export(tmp_path / "record").read("checkpoint").decode()

    done = audited.run("key", bus=False)

    from perdure.ledger import Verifier  # noqa: PLC0415

    assert open_checkpoint(note, [Verifier.parse(done.stdout)])[0].size == ALL
    assert "--key" in done.stderr
