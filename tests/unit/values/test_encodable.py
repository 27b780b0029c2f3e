import json

import pytest

from perdure.values.encodable import encodable


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("✓ nats", "utf-8", "✓ nats"),
        ("✓ nats", "latin-1", "ok nats"),
        ("✗ é", "latin-1", "no é"),
        ("✗ é", "ascii", "no \\u00e9"),
        ("…", "ascii", "..."),
    ],
)
def test_text_is_shown_with_what_the_encoding_has(text: str, encoding: str, shown: str) -> None:
    assert encodable(text, encoding) == shown


def test_json_stays_the_same_value() -> None:
    value = {"name": "Zoë 😀"}

    assert json.loads(encodable(json.dumps(value, ensure_ascii=False), "ascii")) == value
