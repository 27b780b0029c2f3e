"""Inputs that nobody should send, each with the one word that Perdure has for it."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from tests.support.wire.strategies import RawPublication

__all__ = ["BAD_INPUTS", "ROUTES", "BadInput"]

ROUTES: Final = [
    {"on": "table.id", "start": "Quick", "workflow_id": "order-{data.order_id}", "name": "by-id"},
    {"on": "table.number", "start": "Quick", "input": {"steps": "data.n"}, "name": "by-number"},
    {"on": "table.when", "start": "Quick", "when": "data.total > 100", "name": "by-total"},
    {"on": "table.header", "start": "Quick", "workflow_id": "order-{headers.x-order}", "name": "by-header"},
    {"on": "table.schema", "start": "Quick", "schema": {"required": ["name"]}, "name": "by-schema"},
]
"""Routes that the inputs need."""

_NUMBERS: Final = count(1)
_DEEP: Final = 50_000  # brackets
_NO_TEXT: Final[tuple[Any, ...]] = (1, "", [], {}, True)
_NO_NAMES: Final[tuple[Any, ...]] = ("x" * 5_000, "." * 3_000, 1, [], {})
_NO_OBJECTS: Final[tuple[Any, ...]] = ([], 1, "a", None, True)
_NO_TOTALS: Final[tuple[Any, ...]] = ({}, [], 1, {"total": "much"}, {"total": None}, {"total": [1]})
_ENVELOPE: Final = {"specversion": "1.0", "id": "e", "source": "/t", "type": "work.quick", "data": {"steps": 1}}
_BINARY: Final = {"ce-specversion": "1.0", "ce-source": "/t", "ce-type": "work.quick"}
_DECISION: Final = {
    "request_id": "nothing.1",
    "approver": "ann",
    "nonce": "n",
    "decision": "approve",
    "digest": "0" * 64,
    "key_id": "k",
    "signature": "s",
}


@dataclass(frozen=True, slots=True)
class BadInput:
    """An input, and what becomes of it.

    Attributes:
        name: What is wrong with it.
        fate: The reason of its dead letter, the code of its receipt, or one of each.
    """

    name: str
    publication: RawPublication
    fate: tuple[str, ...]

    @property
    def stream(self) -> str:
        """The stream that stores it."""
        return self.publication.subject.partition(b".")[0].decode().upper()


def _event(reason: str, name: str, body: bytes | object, type_: str = "work.quick", /, **headers: Any) -> BadInput:
    named = {header.replace("_", "-"): value for header, value in headers.items()}
    return BadInput(name, RawPublication(f"events.{type_}".encode(), _block(named), _bytes(body)), (reason,))


def _binary(reason: str, name: str, body: bytes | object, number: int, **attributes: Any) -> BadInput:
    headers = _BINARY | {"ce-id": f"bad-{number}"} | {f"ce-{key}": value for key, value in attributes.items()}
    block = _block({key: value for key, value in headers.items() if value is not None})
    return BadInput(name, RawPublication(b"events.work.quick", block, _bytes(body)), (reason,))


def _structured(reason: str, name: str, **changed: object) -> BadInput:
    envelope = {key: value for key, value in {**_ENVELOPE, **changed}.items() if value is not None}
    block = _block({"content-type": "application/cloudevents+json"})
    return BadInput(name, RawPublication(b"events.work.quick", block, _bytes(envelope)), (reason,))


def _decision(*fate: str, name: str, body: bytes | dict[str, object], run: str = "nothing") -> BadInput:
    complete = body if isinstance(body, bytes) else {**_DECISION, "nonce": f"bad-{next(_NUMBERS)}", **body}
    return BadInput(name, RawPublication(f"decisions.{run}".encode(), b"", _bytes(complete)), fate)


def _signal(reason: str, name: str, body: bytes, subject: str = "signals.nothing.go") -> BadInput:
    return BadInput(name, RawPublication(subject.encode(), b"", body), (reason,))


def _block(headers: dict[str, Any]) -> bytes:
    if not headers:
        return b""
    lines = [
        key.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) for key, value in headers.items()
    ]
    return b"\r\n".join([b"NATS/1.0", *lines, b"", b""])


def _bytes(body: bytes | object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _bodies() -> Iterator[BadInput]:
    yield _event("empty_body", "nothing", b"")
    for text in (b" ", b"\n", b"\xef\xbb\xbf"):
        yield _event("not_json", f"only {text!r}", text)
    for text in (
        b"\xff\xfe{\0}\0",
        b"\x80",
        b'{"a": "\xc3("}',
        '{"a": "ä"}'.encode("latin-1"),
        b"\xf4\x90\x80\x80",
        b"\x1f\x8b\x08",
    ):
        yield _event("not_utf8", f"the bytes {text[:8]!r}", text)
    for text in (b"[" * _DEEP, b'{"a":' * _DEEP, b"[1," * _DEEP, b"[" * _DEEP + b"]" * _DEEP):
        yield _event("not_json", f"{_DEEP} times {text[:3]!r}, {len(text)} bytes", text)
    for text in (
        *(
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b'{"a": NaN}',
            b"1e999",
            b'{"a": -1e999}',
            b"01",
            b"+1",
            b".5",
            b"1.",
            b"0x1",
        ),
        *(b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b'[{"": 1, "": 2}]', b'{"a": 1,}', b"{'a': 1}", b"{a: 1}"),
        *(b'"\\ud800"', b'{"\\udfff": 1}', b'"\\ud800\\u0041"', b'"\\x41"', b'"a', b'"\x00"', b'"\n"', b'"\t"'),
        *(b"{} {}", b"1 2", b"{}\x00", b"nul", b"None", b"True", b"undefined", b"// c\n1", b"1" * 5_000),
        *(b"name: Ada", b"<a/>", b"a=1&b=2", b"\x00", b"\x00" * 100),
    ):
        yield _event("not_json", f"the text {text[:24]!r}", text)
    yield _event("too_large", "a body above the limit of ingest", b'{"x": "' + b"x" * 600_000 + b'"}')


def _envelopes() -> Iterator[BadInput]:
    for attribute in ("id", "source", "type", "specversion"):
        yield _structured("bad_envelope", f"structured, no {attribute}", **{attribute: None})
        for value in _NO_TEXT:
            yield _structured("bad_envelope", f"structured, {attribute} is {value!r}", **{attribute: value})
    for version in ("0.3", "1.1", "2.0", "1", "one"):
        yield _structured("bad_envelope", f"structured, specversion {version}", specversion=version)
    yield _structured("bad_envelope", "structured, another type than its subject", type="work.chained")
    yield _structured("bad_envelope", "structured, data twice", data_base64=base64.b64encode(b"{}").decode())
    yield _structured("bad_envelope", "structured, base64 that is none", data=None, data_base64="%%%")
    yield _structured("bad_envelope", "structured, a time that is none", time="yesterday")
    for body in (b"[]", b"1", b'"a"', b"null"):
        yield _event("bad_envelope", f"structured, {body!r}", body, content_type="application/cloudevents+json")
    yield _event("not_json", "structured, XML", b"<event/>", content_type="application/cloudevents+json")
    for media in ("application/cloudevents-batch+json", "application/cloudevents-batch+json; charset=utf-8"):
        yield _event("batch_not_supported", f"a batch, {media}", [_ENVELOPE], content_type=media)
    yield _event("batch_not_supported", "an empty batch", [], content_type="application/cloudevents-batch+json")


def _headers() -> Iterator[BadInput]:
    for number, (attribute, value) in enumerate(
        [
            ("id", None),
            ("id", ""),
            ("source", None),
            ("source", ""),
            ("type", None),
            ("type", "work.chained"),
            ("type", ""),
            ("specversion", "0.3"),
            ("specversion", "2.0"),
            ("time", "yesterday"),
        ]
    ):
        yield _binary(
            "bad_envelope", f"binary, ce-{attribute} is {value!r}", {"steps": 1}, number, **{attribute: value}
        )
    for media in ("application/xml", "image/png", "text/plain", "application/x-protobuf"):
        yield _event("not_json", f"a content type {media}", b"<a/>", content_type=media)


def _routes() -> Iterator[BadInput]:
    for type_ in ("nobody.knows", "work", "work.quick.more", "WORK.QUICK", "x" * 900, "%00", "perdure"):
        yield _event("no_route", f"the type {type_[:20]}", {"steps": 1}, type_)
    for value in (None, "", [], {}, {"a": 1}, [1]):
        yield _event("bad_data", f"a template over {value!r}", {"order_id": value, "steps": 1}, "table.id")
    yield _event("bad_data", "a template over nothing", {"steps": 1}, "table.id")
    for body in _NO_OBJECTS:
        yield _event("bad_data", f"a template over the body {body!r}", body, "table.id")
    yield _event("bad_data", "a template over a header that is not there", {"steps": 1}, "table.header")
    for number in (2**64, -(2**64), 10**400):
        yield _event("bad_expression", f"a number of {len(str(number))} digits", {"n": number}, "table.number")
    for total in _NO_TOTALS:
        yield _event("bad_expression", f"a condition over {total!r}", total, "table.when")
    for named in ({}, {"nom": "Ada"}):
        yield _event("bad_data", f"a schema over {named!r}", named, "table.schema")


def _decisions() -> Iterator[BadInput]:
    for body in (b"", b"[" * _DEEP, b'{"a":' * _DEEP, b"NaN", b'{"a": 1, "a": 2}', b'{"request_id": "\\ud800"}'):
        yield _decision("not_json", name=f"a decision of {body[:12]!r}", body=body)
    yield _decision("not_utf8", name="a decision in Latin-1", body='{"comment": "ä"}'.encode("latin-1"))
    for body in (b"[]", b"1", b"null", b'"a"'):
        yield _decision("bad_message", name=f"a decision that is {body!r}", body=body)
    yield _decision("bad_envelope", "unreadable", name="a decision on another run", body={}, run="another")
    yield _decision("bad_envelope", "unreadable", name="a decision on two runs", body={"workflow_id": "another"})
    yield _decision("unknown_approver", name="a decision by a stranger", body={})
    yield _decision("unsigned", name="a decision without a signature", body={"signature": ""})
    unreadable = ("bad_message", "unreadable")
    for field in ("approver", "nonce", "digest", "key_id"):
        for value in _NO_NAMES:
            text = f"{len(value)} times {value[0]!r}" if isinstance(value, str) else repr(value)
            yield _decision(*unreadable, name=f"a decision whose {field} is {text}", body={field: value})
    for value in (1, [], {}):
        yield _decision(*unreadable, name=f"a decision whose comment is {value!r}", body={"comment": value})
    for value in ("x" * 5_000, "." * 3_000):  # no subject could name it in a receipt
        yield _decision(
            "bad_message", name=f"a decision on {len(value)} times {value[0]!r}", body={"request_id": value}
        )
    yield _decision("bad_envelope", "unreadable", name="a decision on a run", body={"request_id": "nothing"})


def _signals() -> Iterator[BadInput]:
    for body in (b"[" * _DEEP, b"NaN", b'{"a": 1, "a": 2}', b"\x00", b'"\\ud800"'):
        yield _signal("not_json", f"a signal of {body[:12]!r}", body)
    yield _signal("not_utf8", "a signal in Latin-1", '"ä"'.encode("latin-1"))
    for name in ("perdure", "perdure_decision", "perdure-x"):
        yield _signal("reserved_name", f"the signal {name}", b"1", f"signals.nothing.{name}")
    for subject in ("signals.nothing", "signals.nothing.go.on"):
        yield _signal("bad_message", f"the subject {subject}", b"1", subject)
    yield _signal("unknown_run", "a signal to nobody", b"1")
    yield _signal("unknown_run", "a signal without a body to nobody", b"")


BAD_INPUTS: Final = (*_bodies(), *_envelopes(), *_headers(), *_routes(), *_decisions(), *_signals())
"""All of them; none is a run, and none is handled twice."""
