"""The endings of runs: each is published once Temporal has closed the run, and says what Temporal says."""

from perdure_orchestrator.endings.closed_runs import ClosedRuns
from perdure_orchestrator.endings.closing import Closing, read_closing
from perdure_orchestrator.endings.ended_runs import EndedRuns
from perdure_orchestrator.endings.missing_facts import missing_facts
from perdure_orchestrator.endings.worker_endings import WorkerEndings

__all__ = ["ClosedRuns", "Closing", "EndedRuns", "WorkerEndings", "missing_facts", "read_closing"]
