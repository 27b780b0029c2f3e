"""Messages of any bytes, as NATS takes them."""

import json
from dataclasses import dataclass
from itertools import count

from hypothesis import strategies as st

__all__ = ["RawPublication", "decisions", "events", "signals"]

_NUMBERS = count(1)
_CRLF = b"\r\n"


@dataclass(frozen=True, slots=True, repr=False)
class RawPublication:
    """What is written to the socket: a subject, a header block (none if empty) and a body."""

    subject: bytes
    block: bytes
    body: bytes

    def __repr__(self) -> str:
        block, body = (f"{it[:24]!r} ({len(it)} bytes)" for it in (self.block, self.body))
        return f"RawPublication({self.subject[:40]!r}, {block}, {body})"


_json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64, -(2**200), 10**4000])
    | st.floats()
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_bodies = st.one_of(
    st.binary(max_size=40),
    _json_values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[", b'{"a":', b"[1,"]).flatmap(
        lambda opening: st.sampled_from([10, 200, 5_000, 100_000]).map(lambda depth: opening * depth)
    ),
    st.sampled_from([300_000, 900_000]).map(lambda size: b'{"steps": 1, "x": "' + b"x" * size + b'"}'),
    st.sampled_from(
        [
            b'{"steps": 1}',
            b'\xef\xbb\xbf{"steps": 1}',
            b'{"a": "\\ud800"}',
            b'{"a": "\\u0000", "b": "\x00"}',
            b'{"a": 1, "a": 2}',
            b'{"steps": 18446744073709551616}',
            b"NaN",
            b"1e999",
            b"",
        ]
    ),
)
_attributes = st.dictionaries(
    st.sampled_from(
        ["specversion", "id", "source", "type", "subject", "time", "data", "data_base64", "datacontenttype"]
    ),
    _json_values | st.sampled_from(["1.0", "work.quick", "/a", "2026-11-29T00:00:00Z", "e30="]),
    max_size=9,
)
_envelopes = _attributes.map(
    lambda given: json.dumps(
        {"specversion": "1.0", "id": f"s-{next(_NUMBERS)}", "source": "/f", "type": "work.quick"} | given
    ).encode()
)

_lines = st.one_of(
    st.binary(max_size=30),
    st.builds(
        lambda name, value: name + b": " + value,
        st.sampled_from(
            [b"Status", b"status", b"Description", b"ce-time", b"ce-subject", b"Traceparent", b"Nats-Schedule"]
        ),
        st.binary(max_size=20) | st.sampled_from([b"409", b"100", b"404", b"200", b"paid", b"%ff", b"2026"]),
    ),
    st.sampled_from(
        [
            b"content-type: application/cloudevents+json",
            b"Content-Type: application/cloudevents",
            b"content-type: application/cloudevents-batch+json",
            b"content-type: text/plain",
            b"x: " + b"y" * 30_000,
        ]
    ),
    st.builds(lambda: b"Nats-Msg-Id: m-%d" % next(_NUMBERS)),
    st.builds(lambda: _CRLF.join([b"ce-specversion: 1.0", b"ce-id: b-%d" % next(_NUMBERS), b"ce-source: /f"])),
    st.sampled_from([b"ce-type: work.quick", b"ce-type: work.chained", b"ce-type: "]),
)
_first_lines = st.sampled_from([b"NATS/1.0"] * 8 + [b"NATS/1.0 409 Consumer Deleted", b"NATS/1.0 \xff", b"NATS/9", b""])
_blocks = st.just(b"") | st.builds(
    lambda first, lines: _CRLF.join([first, *lines, b"", b""]), _first_lines, st.lists(_lines, max_size=5)
)

_tokens = st.one_of(
    st.sampled_from(
        [b"Quick-1", b"a", b"\xff\xfe", b"%00", b"%ff", b"perdure", "é".encode(), b"x" * 900, b"%2E" * 300]
    ),
    st.text(max_size=8).map(str.encode).filter(lambda token: token and not set(token) & set(b" \t\r\n.*>\0")),
)
_event_subjects = st.sampled_from([b"events.work.quick"] * 4 + [b"events.nobody.knows"]) | st.lists(
    _tokens, min_size=1, max_size=3
).map(lambda tokens: b".".join([b"events", *tokens]))

events = st.builds(RawPublication, _event_subjects, _blocks, _bodies | _envelopes)
"""What a publisher can send."""

_fields = st.dictionaries(
    st.sampled_from(
        ["request_id", "approver", "nonce", "decision", "digest", "workflow_id", "key_id", "signature", "type"]
    ),
    _json_values | st.sampled_from(["Quick-1.1", "approve", "0" * 64, "." * 3_000, "a b", "work"]),
)
_decision_bodies = _bodies | _fields.map(
    lambda given: json.dumps(
        {"request_id": "Quick-1.1", "approver": "ann", "nonce": "n", "decision": "approve", "digest": "0" * 64} | given
    ).encode()
)
decisions = st.builds(
    RawPublication,
    st.lists(_tokens, min_size=1, max_size=2).map(lambda tokens: b".".join([b"decisions", *tokens])),
    st.just(b""),
    _decision_bodies,
)
"""What a bot can send as a decision."""

signals = st.builds(
    RawPublication,
    st.lists(_tokens, min_size=1, max_size=3).map(lambda tokens: b".".join([b"signals", *tokens])),
    st.just(b""),
    _bodies,
)
"""What an operator can send as a signal."""
