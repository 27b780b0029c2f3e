"""Each message of the bus has a line of its own for people, not only its type."""

import pytest
from pydantic import TypeAdapter

from perdure.asyncapi.examples import EXAMPLES
from perdure.bus import encode
from perdure.cli.message_text import describe
from perdure.contracts import AnyMessage, Message

_MESSAGES: TypeAdapter[Message] = TypeAdapter(AnyMessage)


@pytest.mark.parametrize("kind", [kind for kind, example in EXAMPLES.items() if "type" in example])
def test_a_line_about_a_message_is_more_than_its_type(kind: str) -> None:
    message = _MESSAGES.validate_python(EXAMPLES[kind])

    text = describe(encode(message, source="perdure/test"))

    assert text not in {"", kind}
    assert not text.startswith("{"), text
