"""The value of a search attribute, as commands carry it."""

from pydantic import BaseModel, ConfigDict

from perdure.values.search_attribute import AttributeType

__all__ = ["SearchAttribute"]


class SearchAttribute(BaseModel):
    """A search attribute of a run, with its value as its type has it.

    Attributes:
        type: Its type at Temporal.
        value: Text of a ``keyword``; a number of an ``int`` or ``double``; RFC 3339 text of a ``datetime``; texts of a
            ``keyword_list``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: AttributeType
    value: bool | int | float | str | tuple[str, ...]
