"""What a leaf holds: enough to recognise a message, nothing that cannot be erased, and always an entry that fits."""

import json
from datetime import UTC, datetime

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from perdure.ledger import LARGEST, Kept, gap_entry, message_entry

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SALT = bytes(32)


def entry(*, subject: str = "events.a", headers: dict[str, str] | None = None, body: bytes = b"{}") -> bytes:
    return message_entry(Kept("EVENTS", 7, NOW, subject, headers or {}, body, SALT))


def test_an_entry_names_place_subject_and_attributes_and_hides_body_and_other_headers() -> None:
    headers = {"ce-id": "1", "Authorization": "secret", "Content-Type": "application/json"}

    leaf = json.loads(entry(headers=headers, body=b"secret"))

    assert (leaf["stream"], leaf["sequence"], leaf["stored_at"]) == ("EVENTS", 7, "2026-11-30T12:00:00.000000Z")
    assert leaf["headers"] == {"ce-id": "1", "Content-Type": "application/json"}
    assert (leaf["v"], leaf["size"], leaf["subject"]) == (1, 6, "events.a")
    assert len(leaf["body_digest"]) == len(leaf["other_headers"]) == 64
    assert "secret" not in json.dumps(leaf)


def test_any_change_of_a_message_changes_its_entry() -> None:
    entries = [
        entry(),
        entry(body=b"{} "),
        entry(subject="events.b"),
        entry(headers={"ce-id": "1"}),
        entry(headers={"x": "1"}),
        entry(headers={"x": "2"}),
        gap_entry(stream="EVENTS", first=7, last=7, found_at=NOW, reason="Its retention removed it."),
    ]

    assert len(set(entries)) == len(entries)


@given(
    st.text(st.characters(), max_size=4096),
    st.dictionaries(st.sampled_from(["ce-id", "ce-source", "ce-type", "x"]) | st.text(), st.text(max_size=70_000)),
)
def test_every_message_has_an_entry_that_fits_into_a_bundle(subject: str, headers: dict[str, str]) -> None:
    leaf = entry(subject=subject, headers=headers)

    assert len(leaf) <= LARGEST
    assert rfc8785.dumps(json.loads(leaf)) == leaf, "it is canonical"


def test_the_largest_message_has_an_entry_that_fits() -> None:
    names = ["ce-id", "ce-source", "ce-type", "ce-time", "ce-specversion", "content-type", "nats-msg-id", "traceparent"]

    assert len(entry(subject="\1" * 4096, headers=dict.fromkeys(names, "\x01" * 256))) <= LARGEST
    assert len(gap_entry(stream="E", first=1, last=2**52, found_at=NOW, reason="\1" * 9999)) <= LARGEST
