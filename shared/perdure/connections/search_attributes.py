"""The search attributes of a Temporal namespace: which it has, and registering those that it lacks."""

from collections.abc import Mapping
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.values.search_attribute import AttributeType

__all__ = ["known_attributes", "register_attributes", "registered_attributes", "unregistered_text"]

_INDEXED: Final[dict[AttributeType, IndexedValueType.ValueType]] = {
    "keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "bool": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "datetime": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "keyword_list": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}
_TYPES: Final = {number: name for name, number in _INDEXED.items()}


async def registered_attributes(client: Client) -> dict[str, AttributeType | None]:
    """Return the attributes that were registered in the namespace, by name; None stands for a type that is not ours.

    Raises:
        RPCError: Temporal does not answer.
    """
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), retry=True
    )
    return {name: _TYPES.get(number) for name, number in listed.custom_attributes.items()}


async def known_attributes(client: Client) -> list[str]:
    """Return the names of all attributes by which runs can be found, Temporal's own included.

    Raises:
        RPCError: Temporal does not answer.
    """
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), retry=True
    )
    return [*listed.custom_attributes, *listed.system_attributes]


async def register_attributes(client: Client, wanted: Mapping[str, AttributeType]) -> list[str]:
    """Register the attributes that the namespace lacks; those that it has keep their type.

    Args:
        client: A client that may change the namespace.
        wanted: The attributes, with their types.

    Returns:
        A sentence for each that cannot be used.

    Raises:
        RPCError: Temporal does not answer.
    """
    problems: list[str] = []
    known = await registered_attributes(client)
    for name, type_ in wanted.items():
        if name in known:
            if known[name] != type_:
                problems.append(_other_type(client.namespace, name, type_, known[name]))
            continue
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes={name: _INDEXED[type_]})
        try:
            await client.operator_service.add_search_attributes(request, retry=True)
        except RPCError as error:
            if error.status in {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED}:
                raise
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                problems.append(f"Temporal does not register the search attribute {name}: {error.message.rstrip('.')}.")
    return problems


def unregistered_text(
    namespace: str, wanted: Mapping[str, AttributeType], known: Mapping[str, AttributeType | None]
) -> str:
    """Return what runs lack in a namespace that has only the known attributes; empty if it has all of them."""
    missing = [f"{name} ({type_})" for name, type_ in wanted.items() if name not in known]
    others = [
        _other_type(namespace, name, type_, known[name])
        for name, type_ in wanted.items()
        if name in known and known[name] != type_
    ]
    if missing:
        others.insert(
            0,
            f"The namespace {namespace} of Temporal does not have the search attributes {', '.join(missing)}: runs "
            "begin without them. Register them by `perdure admin temporal provision`.",
        )
    return " ".join(others)


def _other_type(namespace: str, name: str, wanted: AttributeType, known: AttributeType | None) -> str:
    return (
        f"The search attribute {name} is registered in the namespace {namespace} as {known or 'text'}, and a route "
        f"gives it as {wanted}: runs begin without it. Write another name or type in the route."
    )
