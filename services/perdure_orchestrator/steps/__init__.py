"""What the worker does on behalf of runs: one class a step, each with the ports it needs."""

from perdure_orchestrator.steps.ask_model import AskModel
from perdure_orchestrator.steps.ask_server import AskServer
from perdure_orchestrator.steps.call_function import CallFunction
from perdure_orchestrator.steps.call_tool import CallTool
from perdure_orchestrator.steps.hear_all import HearAll
from perdure_orchestrator.steps.read_rules import ReadRules
from perdure_orchestrator.steps.say import Say

__all__ = ["AskModel", "AskServer", "CallFunction", "CallTool", "HearAll", "ReadRules", "Say"]
