"""Payloads as JSON, as Temporal's remote codecs have them.

``{"payloads": [{"metadata": {name: base64}, "data": base64}]}``.
"""

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from pydantic import JsonValue
from temporalio.api.common.v1 import Payload, Payloads

from perdure.errors import WrongArgument

__all__ = ["read_payloads", "write_payloads"]


def read_payloads(body: JsonValue) -> list[Payload]:
    """Return the payloads of a request.

    Raises:
        WrongArgument: It has none.
    """
    try:
        found: Payloads = ParseDict(body if isinstance(body, dict) else {"": body}, Payloads())
    except ParseError as error:
        raise WrongArgument(f'The body is not {{"payloads": […]}} as Temporal writes it: {error}.') from error
    return list(found.payloads)


def write_payloads(payloads: list[Payload]) -> JsonValue:
    """Return the body of an answer."""
    written: JsonValue = MessageToDict(Payloads(payloads=payloads))
    return written
