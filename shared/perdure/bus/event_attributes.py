"""What CloudEvents 1.0 lets an event's attributes be.

Source: CloudEvents 1.0.2, section 3 (names, types, which may not be empty), and the JSON event format, section 2.2.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from perdure.errors import InvalidMessage

__all__ = ["check_attributes"]

_NOT_EMPTY: Final = ("id", "source", "type", "subject", "dataschema", "datacontenttype")
_NAME: Final = re.compile("[a-z0-9]+")
_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)\Z", re.ASCII
)
_MEDIA_TYPE: Final = re.compile(r"[!#$&^_.+\-\w]+/[!#$&^_.+\-\w]+", re.ASCII)
_FORMS: Final = {
    "time": (_TIME, "it is no time as in RFC 3339, such as 2026-11-29T12:00:00Z"),
    "datacontenttype": (_MEDIA_TYPE, "it is no media type, such as application/json"),
}


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Refuse attributes that no CloudEvent can have; those that are None are absent.

    Raises:
        InvalidMessage: ``bad_envelope``, with the attribute.
    """
    for name, value in attributes.items():
        if problem := _problem(name, value):
            raise InvalidMessage("bad_envelope", f"CloudEvent attributes: {name[:80]}: {problem}")


def _problem(name: str, value: Any) -> str:
    """Return what is wrong with an attribute; empty if nothing is."""
    if _NAME.fullmatch(name) is None:
        return "a name has only a to z and 0 to 9"
    if not isinstance(value, str | int | None):
        return "it is neither text, a whole number, true nor false"
    if value == "" and name in _NOT_EMPTY:
        return "it may not be empty"
    form, needed = _FORMS.get(name, (None, ""))
    return "" if value is None or form is None or form.match(str(value)) else needed
