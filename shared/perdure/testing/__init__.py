"""Tests for workflows without servers or keys: scripted models, in-process MCP servers and skipped time."""

from perdure.testing.live_run import LiveRun
from perdure.testing.outcome import RunOutcome
from perdure.testing.replaying import replay
from perdure.testing.reviewers import Review
from perdure.testing.runner import WorkflowRunner, open_runner
from perdure.testing.scripted_model import ScriptedModel, ToolUse

__all__ = [
    "LiveRun",
    "Review",
    "RunOutcome",
    "ScriptedModel",
    "ToolUse",
    "WorkflowRunner",
    "open_runner",
    "replay",
]
