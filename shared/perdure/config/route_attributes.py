"""The search attributes that a route gives its runs."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pydantic import model_validator

from perdure.config.section import Section
from perdure.values.search_attribute import OWN_ATTRIBUTES, AttributeName, AttributeType, inferred_type

__all__ = ["GivesAttributes", "RouteAttribute", "attribute_types"]


class RouteAttribute(Section):
    """A search attribute of a route's runs; text alone is its `value`.

    Attributes:
        value: A CEL expression; null leaves the attribute out.
        type: Its type at Temporal. By default that of an outermost ``int()``, ``double()`` or ``timestamp()``, else
            ``keyword``: text that is compared as a whole.
    """

    value: str
    type: AttributeType | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return {"value": given} if isinstance(given, str) else given

    @property
    def known_type(self) -> AttributeType:
        """Its type, declared or not."""
        return self.type or inferred_type(self.value)


class GivesAttributes(Protocol):
    """A route, as far as its search attributes go."""

    @property
    def attributes(self) -> Mapping[AttributeName, RouteAttribute]:
        """The attributes by name."""
        ...


def attribute_types(routes: Iterable[GivesAttributes]) -> dict[str, AttributeType]:
    """Return the types of all search attributes that the routes give, and of Perdure's own; the first route wins."""
    types = dict(OWN_ATTRIBUTES)
    for route in routes:
        for name, attribute in route.attributes.items():
            types.setdefault(name, attribute.known_type)
    return types
