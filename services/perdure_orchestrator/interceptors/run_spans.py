"""The spans of a run, and of the updates and queries that it handles."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from temporalio import workflow
from temporalio.contrib.opentelemetry import ReplaySafeTracerProvider

__all__ = ["RunSpans"]

_NO_TRACER: Final = trace.NoOpTracer()


class RunSpans:
    """Opens the spans of the current run."""

    def __init__(self) -> None:
        self._run: Context | None = None

    @contextmanager
    def run(self, workflow_type: str) -> Iterator[None]:
        """Open the span of the run for the duration of the block."""
        with _tracer().start_as_current_span(f"run {workflow_type}", attributes=_attributes()):
            self._run = context.get_current()
            yield

    @contextmanager
    def request(self, kind: str, name: str) -> Iterator[None]:
        """Open the span of an update or a query: below that of whoever sent it, or else below that of the run.

        Args:
            kind: ``update`` or ``query``.
            name: Its name; those of temporalio itself have no span.
        """
        if name.startswith("__"):
            yield
            return
        is_traced = trace.get_current_span().get_span_context().is_valid
        parent = context.get_current() if is_traced else self._run
        with _tracer().start_as_current_span(f"{kind} {name}", context=parent, attributes=_attributes()):
            yield


def _attributes() -> dict[str, str]:
    info = workflow.info()
    return {"perdure.workflow_id": info.workflow_id, "perdure.run_id": info.run_id}


def _tracer() -> trace.Tracer:
    """Return the tracer of runs; with a provider that is not replay-safe, each replay would record another span."""
    provider = trace.get_tracer_provider()
    return provider.get_tracer("perdure.runs") if isinstance(provider, ReplaySafeTracerProvider) else _NO_TRACER
