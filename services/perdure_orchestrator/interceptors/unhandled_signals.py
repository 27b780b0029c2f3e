"""Notes of signals that nothing in their run takes, such as misspelt ones."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from temporalio import workflow

from perdure.connections.temporal_internals import is_unhandled
from perdure.flow.run import Run
from perdure.values.nearest import nearest
from perdure.values.reserved import is_reserved

__all__ = ["UnhandledSignals"]

_IS_NOTED: Final = "perdure-unhandled-signals-are-noted"  # a patch id: histories hold it
_SHOWN: Final = 100  # characters of a name


class UnhandledSignals:
    """Publishes one note for each name of a signal that no handler and no wait takes.

    Args:
        handlers: Those of the run, by the name of the signal.
        begun: Waits until the run has begun, and returns it.
    """

    def __init__(self, handlers: Mapping[str | None, Any], begun: Callable[[], Any]) -> None:
        self._handlers = handlers
        self._begun = begun
        self._noted: set[str] = set()

    async def note(self, name: str) -> None:
        """Publish the note, unless the run's code takes the signal in this workflow task."""
        run: Run = await self._begun()
        await workflow.wait_condition(lambda: True)  # the run's code goes first
        if name in self._noted or not is_unhandled(name) or run.publisher.has_ended or not workflow.patched(_IS_NOTED):
            return
        self._noted.add(name)
        known = [it for it in self._handlers if it is not None and not is_reserved(it)]
        text = f"Nothing takes the signal {name[:_SHOWN]} yet{nearest(name, known)}"
        run.publisher.publish_soon([run.publisher.fact("note", result=text)])
