"""Looks at encrypted values, which are acts of administration."""

from typing import Literal

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message

__all__ = ["ValuesDecrypted"]


class ValuesDecrypted(Message):
    """Somebody looked at encrypted values of a run through the codec endpoint; recorded before they were shown.

    Attributes:
        namespace: Temporal's.
        workflow_id: The run; ``unknown`` for a large payload whose reference in Temporal does not say it.
        values: How many values.
        by: The name in the file of tokens.
        request: A random id of the look.
        at: When (UTC).
    """

    type: Literal["admin.decryption"] = "admin.decryption"
    namespace: str
    workflow_id: str
    values: int
    by: str
    request: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow_id>``."""
        return (self.workflow_id,)

    @property
    def message_id(self) -> str:
        """One for each look."""
        return f"{self.type}.{self.request}"
