"""Content is erased from the record by an order on ADMIN, and by nothing else; its leaves stand."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.contracts import Erasure
from perdure.contracts.audit import AuditRecordsQuery
from perdure.contracts.erasures import ErasableQuery
from perdure.errors import InvalidMessage
from perdure.ledger import Kept, Verification
from perdure.record.database import leaves_of
from perdure.values.run_id import place_of
from perdure_audit.erasable import ErasableRecords
from perdure_audit.erasing import RecordEraser
from perdure_audit.store import Store, open_store

BEGAN = datetime(2026, 11, 26, tzinfo=UTC)
OF_ADMIN = int((BEGAN + timedelta(hours=9)).timestamp()) * 10**9
SECRET = b'{"name": "Ada Lovelace-7391"}'
HEADERS = {"Nats-Msg-Id": "42", "ce-type": "order.placed", "customer": "Ada Lovelace-7391"}


def stored(number: int, body: bytes = SECRET, subject: str = "events.order", stream: str = "EVENTS") -> StoredMessage:
    return StoredMessage(RawMessage(subject, body, HEADERS), stream, number, BEGAN + timedelta(hours=number), pending=0)


@pytest_asyncio.fixture
async def store(audited: Settings) -> AsyncIterator[Store]:
    async with open_store(audited) as store:
        await store.add([stored(number) for number in (1, 2, 3)])
        yield store


async def ordered(bus: MemoryBus, *numbers: int, **other: object) -> int:
    places = tuple(place_of("EVENTS", number, BEGAN + timedelta(hours=number)) for number in numbers)
    leaves = tuple(number - 1 for number in numbers)
    fields = {"places": places, "leaves": leaves, "act": "ordered", **other}
    return await bus.publish(Erasure.model_validate({"id": "e", "by": "ada", "why": "asked", "at": BEGAN, **fields}))


async def kept_of(store: Store) -> list[tuple[int, bytes, Kept | None]]:
    async with store.engine.connect() as connection:
        return [leaf async for some in leaves_of(connection) for leaf in some]


async def test_an_order_takes_content_and_salt_and_every_header_that_no_leaf_shows(store: Store) -> None:
    bus = MemoryBus()

    reply = await RecordEraser(store, bus).erase(await ordered(bus, 2))

    records = (await store.find(AuditRecordsQuery())).records
    assert (reply.erased, reply.problem) == (1, "")
    assert [it.erased for it in records] == [False, True, False]
    assert (records[1].body, records[1].headers) == (b"", {"Nats-Msg-Id": "42", "ce-type": "order.placed"})
    assert records[0].body == SECRET, "of others nothing is taken"


async def test_a_verifier_finds_no_fault_in_an_erased_record(store: Store) -> None:
    bus, before = MemoryBus(), await kept_of(store)

    await RecordEraser(store, bus).erase(await ordered(bus, 1, 3))

    async for message in bus.read("admin.erasure.>"):
        await store.add([message])
    verification, after = Verification([]), await kept_of(store)
    for leaf in after:
        verification.take(*leaf)
    assert [it for it in verification.faults() if it.verdict != "freshness"] == []
    assert [entry for _, entry, _ in after][:3] == [entry for _, entry, _ in before], "the leaves stand as they were"
    assert [kept.body if kept else b"?" for _, _, kept in after][:3] == [None, SECRET, None]


async def test_done_again_it_changes_nothing(store: Store) -> None:
    bus = MemoryBus()
    order = await ordered(bus, 2)

    counts = [(await RecordEraser(store, bus).erase(order)).erased for _ in range(2)]

    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"act": "done"}, "orders no erasure"),
        ({"leaves": (0, 2)}, "leaf 2 is not that of EVENTS.2."),
        ({"leaves": (0, 77)}, "leaf 77 is not that of EVENTS.2."),
        ({"leaves": (3,), "places": (f"ADMIN.9.{OF_ADMIN}",)}, "leaf 3 is not that of ADMIN.9."),
    ],
)
async def test_what_no_order_names_or_names_wrongly_stays_and_so_does_the_rest(
    store: Store, other: dict[str, object], problem: str
) -> None:
    bus = MemoryBus()
    await store.add([stored(9, subject="admin.run.x", stream="ADMIN")])

    reply = await RecordEraser(store, bus).erase(await ordered(bus, 1, 2, **other))

    records = (await store.find(AuditRecordsQuery())).records
    assert problem in reply.problem
    assert [it.body for it in records] == [SECRET] * 4


async def test_a_place_in_admin_that_holds_no_order_erases_nothing(store: Store) -> None:
    assert "orders no erasure" in (await RecordEraser(store, MemoryBus()).erase(1)).problem


async def test_an_erased_message_that_is_delivered_again_is_not_recorded_again(store: Store) -> None:
    bus = MemoryBus()
    await RecordEraser(store, bus).erase(await ordered(bus, 2))

    await store.add([stored(2), stored(4)])

    records = (await store.find(AuditRecordsQuery())).records
    assert [(it.sequence, it.body) for it in records] == [(1, SECRET), (2, b""), (3, SECRET), (4, SECRET)]


async def test_another_subject_at_the_place_of_an_erased_message_is_an_alarm(store: Store) -> None:
    bus = MemoryBus()
    await RecordEraser(store, bus).erase(await ordered(bus, 2))
    other = replace(stored(2), raw=RawMessage("events.other", SECRET, HEADERS))

    with pytest.raises(InvalidMessage, match="another subject"):
        await store.add([other])


async def test_the_database_file_has_no_byte_of_it_any_more(audited: Settings, store: Store) -> None:
    if store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps its own log; the documents say so")
    bus, files = MemoryBus(), sorted((audited.state / "audit").iterdir())
    assert any(b"Lovelace-7391" in file.read_bytes() for file in files)

    await RecordEraser(store, bus).erase(await ordered(bus, 1, 2, 3))

    assert not any(b"Lovelace-7391" in file.read_bytes() for file in sorted((audited.state / "audit").iterdir()))


@pytest.mark.parametrize(
    ("text", "sequences"),
    [("Lovelace-7391", [1, 2, 3, 5]), ("Zürich", [4]), ("Lovelace-73911", []), ('say "no"', [5])],
)
async def test_text_is_found_in_bodies_and_headers_as_json_escapes_it_or_not(
    store: Store, text: str, sequences: list[int]
) -> None:
    escaped = json.dumps({"city": "Zürich"}).encode()
    quoted = json.dumps({"words": 'say "no"'}).encode()
    plain = RawMessage("events.order", escaped, {})
    await store.add([replace(stored(4), raw=plain), stored(5, quoted), stored(6, SECRET, "admin.run.x", "ADMIN")])

    found = await ErasableRecords(store).find(ErasableQuery(containing=text))

    assert [it.sequence for it in found.messages] == sequences
    assert b"Lovelace" not in found.model_dump_json().encode(), "the reply has no content"
