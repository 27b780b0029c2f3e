"""`perdure audit export` and `verify` on both databases: an honest record holds, what was done to it is named."""

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.record.published_notes import published_notes
from perdure_audit.checkpoints import Checkpoints
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.store import open_store
from tests.support.command_line import perdure
from tests.support.ports import free_port

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)
ALL, CHANGED = 600, 123


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """Return the file in which somebody keeps the checkpoints of the record."""
    return tmp_path / "known"


async def record(settings: Settings, known: Path) -> None:
    """Record messages, and sign them twice."""
    bus, keys = MemoryBus(), LedgerKeys(settings.ledger_key, settings.audit.ledger)
    messages = [
        StoredMessage(
            RawMessage("events.a", b'{"n": %d}' % number, {"ce-id": str(number), "h": "\u00fc"}),
            "EVENTS", number, BEGAN + timedelta(microseconds=number), pending=0,
        )
        for number in range(1, ALL + 1)
    ]  # fmt: skip
    async with open_store(settings) as store:
        signing = Checkpoints(store.engine, settings.audit.ledger, keys, bus)
        for some in (messages[:400], messages[400:]):
            await store.add(some)
            await signing.sign()
    known.write_text("".join(it.note for it in await published_notes(bus, settings.audit.ledger)))


async def change(settings: Settings, *statements: str) -> None:
    url = settings.audit.database or f"sqlite+aiosqlite:///{settings.state}/audit/audit.db"
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


def audit(settings: Settings, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command where no bus answers."""
    environment = {
        "PERDURE_STATE": str(settings.state),
        "PERDURE_NATS__SERVERS": json.dumps([f"nats://127.0.0.1:{free_port()}"]),
        "XDG_DATA_HOME": str(settings.state / "data"),
    }
    if settings.audit.database is not None:
        environment["PERDURE_AUDIT__DATABASE"] = settings.audit.database
    return perdure(settings.state, "audit", *map(str, arguments), environment=environment)


def faults(done: subprocess.CompletedProcess[str]) -> Sequence[dict[str, Any]]:
    assert done.returncode == 1, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["faults"]
    return found


async def test_an_honest_record_and_its_export_hold(audited: Settings, known: Path, tmp_path: Path) -> None:
    await record(audited, known)

    exported = audit(audited, "export", tmp_path / "record", "--json")
    in_database = audit(audited, "verify", "--known", known, "--json")
    in_folder = audit(audited, "verify", tmp_path / "record", "--known", known, "--json")

    assert json.loads(exported.stdout)["added"] == ALL, exported.stderr
    for done in (in_database, in_folder):
        assert done.returncode == 0, done.stdout
        result = json.loads(done.stdout)
        assert (result["size"], result["signed"]) == (ALL, ALL)
        assert result["compared_with"] == {str(known): 2}
        assert result["streams"] == {"EVENTS": {"first": 1, "last": ALL}}


@pytest.mark.parametrize(
    ("statements", "verdict", "leaf", "problem"),
    [
        (["UPDATE records SET body = salt WHERE leaf = 123"], "integrity", CHANGED, "was changed"),
        (["UPDATE records SET headers = '{}' WHERE leaf = 123"], "integrity", CHANGED, "was changed"),
        (["DELETE FROM records WHERE leaf = 123"], "integrity", CHANGED, "was deleted"),
        (
            ["DELETE FROM leaves WHERE leaf = 123", "DELETE FROM records WHERE leaf = 123"],
            "completeness", None, "EVENTS:124 has no leaf",
        ),
        (
            ["DELETE FROM leaves WHERE leaf >= 550", "DELETE FROM records WHERE leaf >= 550"],
            "freshness", 550, "only 550 are here: the end was cut",
        ),
        (
            ["UPDATE tiles SET hashes = (SELECT hashes FROM tiles WHERE number = 0 AND level = 0) WHERE number = 1"],
            "integrity", 256, "Tile 1 of level 0",
        ),
        (
            ["UPDATE records SET body = '', salt = NULL, headers = '{}' WHERE leaf = 123"],
            "integrity", CHANGED, "was erased, and no order on ADMIN names it",
        ),
    ],
)  # fmt: skip
async def test_what_was_done_to_the_database_is_named(  # noqa: PLR0913, PLR0917 (a row of the table above)
    audited: Settings, known: Path, statements: list[str], verdict: str, leaf: int | None, problem: str
) -> None:
    await record(audited, known)
    await change(audited, *statements)

    found = faults(audit(audited, "verify", "--known", known, "--json"))

    assert any((it["verdict"], it["leaf"]) == (verdict, leaf) and problem in it["text"] for it in found), found


async def test_an_export_goes_on_and_refuses_another_history(audited: Settings, known: Path, tmp_path: Path) -> None:
    await record(audited, known)
    first = audit(audited, "export", tmp_path / "record", "--json")
    again = audit(audited, "export", tmp_path / "record", "--json")
    await change(audited, "UPDATE leaves SET entry = (SELECT entry FROM leaves WHERE leaf = 7) WHERE leaf = 599")
    other = audit(audited, "export", tmp_path / "record")

    assert [json.loads(it.stdout)["added"] for it in (first, again)] == [ALL, 0]
    assert (other.returncode, f"has other leaves among the first {ALL}" in other.stderr) == (1, True)
