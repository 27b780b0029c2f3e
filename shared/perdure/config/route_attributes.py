"""The search attributes that a route gives its runs."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from perdure.config.section import Section
from perdure.values.search_attribute import OWN_ATTRIBUTES, AttributeName, AttributeType, inferred_type

__all__ = ["Attribute", "GivesAttributes", "TypedAttribute", "attribute_types", "attribute_value"]


class TypedAttribute(Section):
    """A search attribute whose type is declared.

    Attributes:
        value: A CEL expression.
        type: Its type at Temporal; ``keyword`` is text that is compared as a whole.
    """

    value: str
    type: AttributeType


Attribute = str | TypedAttribute
"""A CEL expression, or one with its type."""


class GivesAttributes(Protocol):
    """A route, as far as its search attributes go."""

    @property
    def attributes(self) -> Mapping[AttributeName, Attribute]:
        """The attributes by name."""
        ...


def attribute_value(attribute: Attribute) -> tuple[str, AttributeType]:
    """Return the expression of an attribute and its type: that of its outermost conversion if none is declared."""
    if isinstance(attribute, TypedAttribute):
        return attribute.value, attribute.type
    return attribute, inferred_type(attribute)


def attribute_types(routes: Iterable[GivesAttributes]) -> dict[str, AttributeType]:
    """Return the types of all search attributes that the routes give, and of Perdure's own; the first route wins."""
    types = dict(OWN_ATTRIBUTES)
    for route in routes:
        for name, attribute in route.attributes.items():
            types.setdefault(name, attribute_value(attribute)[1])
    return types
