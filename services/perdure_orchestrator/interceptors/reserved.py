"""Refuses what an author's run does in Perdure's name: signals, memo fields and handlers of reserved names."""

from collections.abc import Iterable
from typing import Any

from temporalio.exceptions import ApplicationError

from perdure.flow.approvals_host import ApprovalsHost
from perdure.values.reserved import is_reserved, reserved_text

__all__ = ["refuse_handler", "refuse_reserved"]


def refuse_reserved(kind: str, names: Iterable[str]) -> None:
    """Refuse what only Perdure itself sends to a run.

    Raises:
        ApplicationError: A name is reserved; the run fails.
    """
    for name in filter(is_reserved, names):
        raise ApplicationError(reserved_text(kind, name), type="ReservedName", non_retryable=True)


def refuse_handler(kind: str, name: str, handler: Any) -> None:
    """Refuse a handler in Perdure's place or beside it, and that Perdure's is taken away.

    Raises:
        ApplicationError: The name is reserved, and the handler is not Perdure's; the run fails.
    """
    if not isinstance(getattr(handler, "__self__", None), ApprovalsHost):
        refuse_reserved(kind, (name,))
