import json

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from perdure.bus import RawMessage, read_event, write_event
from perdure.bus.envelope import header_value
from perdure.contracts import Event, Reason
from perdure.errors import InvalidMessage
from tests.support.messages import json_values, texts, times, words

HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "documents.submitted"}

events = st.builds(
    Event,
    id=words,
    type=st.just("a.b"),
    source=words,
    subject=st.none() | texts.filter(bool),
    time=st.none() | times,
    data=json_values,
)


def read(body: bytes, headers: dict[str, str] | None = None, subject: str = "events.documents.submitted") -> Event:
    return read_event(RawMessage(subject, body, headers or {}), fallback_id="EVENTS.7")


@given(events)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert read_event(write_event(event), fallback_id="unused") == event


def test_bare_json_takes_its_type_from_the_subject_and_its_id_from_the_stream() -> None:
    event = read(b'{"path": "contract.md"}')

    assert event == Event(id="EVENTS.7", type="documents.submitted", source="nats", data={"path": "contract.md"})


def test_bare_json_with_a_message_id_takes_it_as_its_id() -> None:
    assert read(b"{}", {"Nats-Msg-Id": "order-1"}).id == "order-1"


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_events_of_the_official_sdk_are_read(mode: str) -> None:
    foreign = CloudEvent(
        {
            "id": "ü 1",
            "type": "orders.placed",
            "source": "/shop",
            "specversion": "1.0",
            "datacontenttype": "application/json",
        },
        {"sum": 3},
    )
    http = to_binary(foreign, JSONFormat()) if mode == "binary" else to_structured(foreign, JSONFormat())

    event = read(http.body, dict(http.headers), subject="events.orders.placed")

    assert (event.id, event.type, event.source, event.data) == ("ü 1", "orders.placed", "/shop", {"sum": 3})


ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/a", "type": "documents.submitted", "data": {"name": "Ada"}}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"Content-Type": "application/cloudevents"},
        {"CONTENT-TYPE": "application/cloudevents+json; charset=utf-8"},
        {"content-type": " Application/CloudEvents+JSON"},
    ],
)
def test_a_structured_event_is_read_with_and_without_its_content_type(headers: dict[str, str]) -> None:
    """Dapr and sdk-go send it without."""
    event = read(json.dumps(ENVELOPE).encode(), headers)

    assert (event.id, event.source, event.data) == ("1", "/a", {"name": "Ada"})


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_data_that_resembles_an_envelope_is_data(missing: str) -> None:
    data = {name: value for name, value in ENVELOPE.items() if name != missing}

    assert read(json.dumps(data).encode()).data == data


def test_a_byte_order_mark_is_no_part_of_the_data() -> None:
    assert read(b'\xef\xbb\xbf{"name": "Ada"}').data == {"name": "Ada"}


@pytest.mark.parametrize("media", ["application/json", "application/vnd.shop+json; v=2", "text/json"])
def test_data_of_any_kind_of_json_is_read(media: str) -> None:
    assert read(b"{}", HEADERS | {"content-type": media}).data == {}
    assert read(json.dumps(ENVELOPE | {"datacontenttype": media}).encode()).data == {"name": "Ada"}


@pytest.mark.parametrize(
    ("body", "headers", "reason", "detail"),
    [
        (b"", {}, "empty_body", "no body"),
        (b"{oops", {}, "not_json", "line 1"),
        (b"\xff\xfe", {}, "not_utf8", "byte 0"),
        (b'{"a": NaN}', {}, "not_json", "NaN"),
        (b'"\\ud800"', {}, "not_json", "surrogate"),
        (b"[" * 100_000, {}, "not_json", "deep"),
        (b"{}", {"ce-specversion": "0.3", "ce-id": "1"}, "bad_envelope", "specversion"),
        (b"{}", {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t"}, "bad_envelope", "source"),
        (b"[]", {"content-type": "application/cloudevents+json"}, "bad_envelope", "object"),
        (
            json.dumps({"specversion": "1.0"}).encode(),
            {"Content-Type": "application/cloudevents+json"},
            "bad_envelope",
            "id",
        ),
        (b"{}", HEADERS | {"ce-type": "orders.refund"}, "bad_envelope", "type: it is 'orders.refund'"),
        (b"{}", HEADERS | {"ce-type": "documents%2Esubmitted%20"}, "bad_envelope", "type: it is"),
        (
            json.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "orders.refund"}).encode(),
            {"content-type": "application/cloudevents+json"},
            "bad_envelope",
            "type: it is 'orders.refund'",
        ),
        (b"{}", HEADERS | {"ce-id": "%C0%A0"}, "bad_envelope", "ce-id: its percent-encoded bytes are no UTF-8"),
        (b"{}", {"ce-specversion": "%FF"}, "bad_envelope", "ce-specversion"),
        (b"[{}]", {"content-type": "application/cloudevents-batch+json"}, "batch_not_supported", "each event"),
        (b"{}", {"content-type": "application/cloudevents+avro"}, "bad_envelope", "avro' is not understood"),
        (b"{}", HEADERS | {"content-type": "text/plain"}, "bad_envelope", "'text/plain' is not understood"),
        (json.dumps(ENVELOPE | {"datacontenttype": "text/xml"}).encode(), {}, "bad_envelope", "only JSON"),
        (b'{"a": 1, "b": {"a": 1, "a": 2}}', {}, "not_json", "'a' stands twice"),
    ],
)
def test_an_invalid_event_is_refused_with_a_reason(
    body: bytes, headers: dict[str, str], reason: Reason, detail: str
) -> None:
    with pytest.raises(InvalidMessage, match=detail) as refused:
        read(body, headers)

    assert refused.value.reason == reason


types = texts.filter(bool) | st.sampled_from(["a.b", "orders.refund", "ä", "a%2Eb"])


@given(types, types, st.sampled_from(["binary", "structured", "bare"]))
def test_no_event_is_of_another_type_than_its_subject(permitted: str, claimed: str, mode: str) -> None:
    fields = {"specversion": "1.0", "id": "1", "source": "s", "type": claimed}
    body, headers = b"{}", {f"ce-{name}": header_value(value) for name, value in fields.items()}
    if mode == "structured":
        body, headers = json.dumps(fields).encode(), {"content-type": "application/cloudevents+json"}
    elif mode == "bare":
        headers = {}

    if mode == "bare" or permitted == claimed:
        assert read(body, headers, subject=f"events.{permitted}").type == permitted
        return
    with pytest.raises(InvalidMessage) as refused:
        read(body, headers, subject=f"events.{permitted}")
    assert refused.value.reason == "bad_envelope"
