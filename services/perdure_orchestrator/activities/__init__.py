"""What the worker does on behalf of runs: one class a step, each with the ports it needs."""

from perdure_orchestrator.activities.call_function import CallFunction
from perdure_orchestrator.activities.call_model import AskModel
from perdure_orchestrator.activities.call_tool import CallTool
from perdure_orchestrator.activities.drain_decisions import HearAll
from perdure_orchestrator.activities.publish import Say
from perdure_orchestrator.activities.query_servers import AskServer
from perdure_orchestrator.activities.read_rules import ReadRules

__all__ = ["AskModel", "AskServer", "CallFunction", "CallTool", "HearAll", "ReadRules", "Say"]
