"""How an author tests a workflow without servers or keys: scripted models, MCP servers at hand, time skipped."""

from perdure.testing.outcome import RunOutcome
from perdure.testing.runner import LiveRun, WorkflowRunner, open_runner
from perdure.testing.scripted_model import ScriptedModel, ToolUse

__all__ = ["LiveRun", "RunOutcome", "ScriptedModel", "ToolUse", "WorkflowRunner", "open_runner"]
