"""The search attributes with which runs begin: those of their command that the namespace of Temporal has."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic_core import to_jsonable_python
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeIndexedValueType,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.service import RPCError, RPCStatusCode

from perdure.connections.search_attributes import register_attributes, registered_attributes, unregistered_text
from perdure.contracts import SearchAttribute, SignalWorkflow, StartWorkflow
from perdure.values.flow_key import fit_key
from perdure.values.search_attribute import EVENT_ID, KEY, OWN_ATTRIBUTES, ROUTE, AttributeType

__all__ = ["READ_EVERY", "RunAttributes", "given_attributes"]

READ_EVERY: Final = timedelta(seconds=30)
"""So soon after their registration, runs begin with new attributes."""

_TYPES: Final[dict[SearchAttributeIndexedValueType, AttributeType]] = {
    SearchAttributeIndexedValueType.KEYWORD: "keyword",
    SearchAttributeIndexedValueType.INT: "int",
    SearchAttributeIndexedValueType.DOUBLE: "double",
    SearchAttributeIndexedValueType.BOOL: "bool",
    SearchAttributeIndexedValueType.DATETIME: "datetime",
    SearchAttributeIndexedValueType.KEYWORD_LIST: "keyword_list",
}

_log = logging.getLogger(__name__)


class RunAttributes:
    """Knows which attributes Temporal takes: one that it does not know would refuse the whole start.

    Attributes:
        problem: What runs begin without, in sentences; empty if they begin with everything.
    """

    def __init__(self, client: Client, wanted: Mapping[str, AttributeType], *, may_register: bool) -> None:
        """Know none until the first look.

        Args:
            client: The client of Temporal.
            wanted: The attributes that runs should have, with their types.
            may_register: Whether those that are missing are registered: the server is one of our own.
        """
        self._client = client
        self._wanted = wanted
        self._may_register = may_register
        self._known: Mapping[str, AttributeType | None] = {}
        self.problem = ""

    async def look(self) -> None:
        """Ask Temporal for its attributes, after those were registered that it lacks, and log what is missing.

        Raises:
            RPCError: Temporal does not answer.
        """
        refused = await register_attributes(self._client, self._wanted) if self._may_register else []
        self._known = await registered_attributes(self._client)
        problem = " ".join(refused) or unregistered_text(self._client.namespace, self._wanted, self._known)
        if problem and problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem

    async def first_look(self) -> None:
        """Look before the first run begins; what Temporal does not answer now, it is asked again."""
        try:
            await self.look()
        except RPCError as error:
            _log.warning("Temporal does not say which search attributes it has, so runs begin without: %s", error)

    async def without_refused(self, call: Callable[[], Awaitable[None]]) -> None:
        """Make a call that starts a run; once more without attributes if Temporal has lost one since the last look.

        Raises:
            RPCError: Temporal does not take it.
        """
        try:
            await call()
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT or "search attribute" not in error.message:
                raise
            _log.warning("The run begins without search attributes until the next look: %s", error.message)
            self._known = {}
            await call()

    def of(self, command: StartWorkflow | SignalWorkflow) -> TypedSearchAttributes:
        """Return the attributes of the run that a command starts, as far as Temporal knows them."""
        own = {EVENT_ID: command.event.id, ROUTE: command.route}
        if isinstance(command, StartWorkflow) and command.key:
            own[KEY] = command.key
        given = {name: SearchAttribute(type="keyword", value=fit_key(value)) for name, value in own.items()}
        found = {**command.options.attributes, **given}
        return TypedSearchAttributes(
            [_pair(name, it) for name, it in found.items() if self._known.get(name) == it.type]
        )


def given_attributes(attributes: TypedSearchAttributes) -> dict[str, SearchAttribute]:
    """Return what a route gave of the attributes with which a run began: all but Perdure's own."""
    return {
        pair.key.name: SearchAttribute(type=type_, value=to_jsonable_python(pair.value))
        for pair in attributes
        if pair.key.name not in OWN_ATTRIBUTES and (type_ := _TYPES.get(pair.key.indexed_value_type)) is not None
    }


def _pair(name: str, attribute: SearchAttribute) -> SearchAttributePair[Any]:
    key: SearchAttributeKey[Any]
    value: Any = attribute.value
    match attribute.type:
        case "keyword":
            key = SearchAttributeKey.for_keyword(name)
        case "int":
            key = SearchAttributeKey.for_int(name)
        case "double":
            key, value = SearchAttributeKey.for_float(name), float(value)
        case "bool":
            key = SearchAttributeKey.for_bool(name)
        case "datetime":
            key, value = SearchAttributeKey.for_datetime(name), datetime.fromisoformat(value)
        case "keyword_list":
            key = SearchAttributeKey.for_keyword_list(name)
    return SearchAttributePair(key, value)
