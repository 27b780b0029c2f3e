"""Search attributes: what Temporal finds runs by; their names, their types, and Perdure's own ones."""

import re
from itertools import accumulate
from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from perdure.values.cel_tokens import tokens
from perdure.values.reserved import RESERVED_PREFIX, reserved_text

__all__ = [
    "EVENT_ID",
    "KEY",
    "LONGEST_KEYWORD",
    "OWN_ATTRIBUTES",
    "ROUTE",
    "AttributeName",
    "AttributeType",
    "inferred_type",
]

AttributeType = Literal["keyword", "int", "double", "bool", "datetime", "keyword_list"]
"""``keyword`` is text that is compared as a whole."""

EVENT_ID: Final = "PerdureEventId"
ROUTE: Final = "PerdureRoute"
KEY: Final = "PerdureKey"

OWN_ATTRIBUTES: Final[dict[str, AttributeType]] = {EVENT_ID: "keyword", ROUTE: "keyword", KEY: "keyword"}
"""The attributes that each run of a route has: its event's id, its route, and the value of its ``flow.key``."""

LONGEST_KEYWORD: Final = 255
"""Characters of a keyword. Source: the columns of Temporal's visibility store, ``VARCHAR(255)``."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
# Source: `list_search_attributes` of Temporal server 1.32
_OF_TEMPORAL: Final = re.compile(
    "Temporal.*|Batcher(Namespace|User)|BinaryChecksums|BuildIds|CloseTime|Execution(Duration|Status|Time)"
    "|History(Length|SizeBytes)|(Parent|Root)?(RunId|WorkflowId)|StartTime|StateTransitionCount|TaskQueue|WorkflowType"
)
_CONVERSIONS: Final[dict[str, AttributeType]] = {
    "int": "int",
    "uint": "int",
    "double": "double",
    "timestamp": "datetime",
    "string": "keyword",
}


def _possible(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a search attribute: write letters, digits and _, at most 64")
    if _OF_TEMPORAL.fullmatch(name):
        raise ValueError(f"{name} is a search attribute of Temporal's own: give yours another name")
    if name.lower().startswith(RESERVED_PREFIX):
        raise ValueError(reserved_text("search attribute", name))
    return name


AttributeName = Annotated[str, AfterValidator(_possible)]
"""A search attribute of the user's."""


def inferred_type(expression: str) -> AttributeType:
    """Return the type of an expression whose whole is a conversion, such as ``double(data.amount)``; else keyword."""
    name, *rest = [it[0] for it in tokens(expression)] or [""]
    depths = list(accumulate((it == "(") - (it == ")") for it in rest))
    is_one_call = rest[:1] == ["("] and 0 in depths and depths.index(0) == len(depths) - 1
    return _CONVERSIONS.get(name, "keyword") if is_one_call else "keyword"
