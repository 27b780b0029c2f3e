"""Exports spans in the background, and lets a process end although the collector is away."""

from threading import Thread
from typing import Final

from opentelemetry.sdk.trace.export import BatchSpanProcessor

__all__ = ["PromptSpanProcessor"]

_ENDS_WITHIN: Final = 2.0  # seconds; the SDK's own processor tries for 30


class PromptSpanProcessor(BatchSpanProcessor):
    """A batch processor whose shutdown takes two seconds at most; what was not exported by then is lost."""

    def shutdown(self) -> None:
        """Export what is left, if that can be done at once."""
        ending = Thread(target=super().shutdown, name="spans", daemon=True)
        ending.start()
        ending.join(_ENDS_WITHIN)
