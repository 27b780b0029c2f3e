"""Hypothesis strategies for all messages of ``perdure.contracts``."""

from datetime import datetime
from typing import Any, get_args

from hypothesis import strategies as st

from perdure.contracts import AnyMessage, EventReference, Message

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = texts.filter(bool)
times = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.timezones())  # noqa: DTZ001 (hypothesis takes naive limits)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
finite = st.floats(allow_nan=False, allow_infinity=False)  # contracts refuse others; hypothesis does not read that
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
references = st.builds(
    EventReference, id=words, type=words, source=words, subject=st.none() | texts, stream_sequence=st.integers(1)
)

_fields: dict[str, st.SearchStrategy[Any]] = {
    "details": json_values,
    "digest": digests,
    "rules": digests,
    "root": digests,
    "event": references,
    "input": json_values,
    "argument": json_values,
    "result": json_values,
    "approver": words,
    "nonce": words,
    "key_id": words,
    "signature": words,
    "body": st.none() | st.binary(max_size=50),
    "headers": st.dictionaries(texts, texts, max_size=3),
}


def _any(model: type[Message]) -> st.SearchStrategy[Message]:
    given = {name: strategy for name, strategy in _fields.items() if name in model.model_fields}
    for name, field in model.model_fields.items():
        if name not in given and field.annotation is str:
            given[name] = texts
        if name not in given and field.annotation is float:
            given[name] = finite
        if name.endswith("_at") or name in {"at", "since"} or (name == "until" and field.is_required()):
            given[name] = times
    return st.builds(model, **given)


_union, _ = get_args(AnyMessage)
messages: st.SearchStrategy[Message] = st.one_of(*map(_any, get_args(_union)))
