"""The arguments of updates and queries: given as those of signals are, and refused if they do not fit."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from perdure.connections.temporal_internals import accept_any_request_arguments
from perdure_orchestrator.interceptors.signal_arguments import SignalMismatch, bind_signal_arguments

__all__ = ["RequestArguments"]


class RequestArguments:
    """Binds what an update or a query of the current run was given to the parameters of its handler."""

    def __init__(self) -> None:
        self._handlers = accept_any_request_arguments()

    def bind(self, kind: str, name: str, given: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments in the types that the handler declares.

        Args:
            kind: ``update`` or ``query``.
            name: Its name.
            given: What it was sent with.

        Raises:
            ApplicationError: They do not fit (``UnfitArguments``).
        """
        known = self._handlers[kind].get(name)
        if known is None or name.startswith("__"):  # a dynamic handler, or one of temporalio's own
            return given
        handler = partial(known.fn, None) if known.is_method else known.fn
        try:
            return bind_signal_arguments(handler, given, workflow.payload_converter())
        except SignalMismatch as error:
            message = f"The {kind} {name} does not fit: {error}"
            raise ApplicationError(message, type="UnfitArguments", non_retryable=True) from error
