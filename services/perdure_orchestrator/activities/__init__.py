"""What the worker does on behalf of runs: one class a step, each with the ports it needs."""

from perdure_orchestrator.activities.call_function import CallFunction
from perdure_orchestrator.activities.call_model import CallModel
from perdure_orchestrator.activities.call_tool import CallTool
from perdure_orchestrator.activities.drain_decisions import DrainDecisions
from perdure_orchestrator.activities.publish import PublishFacts
from perdure_orchestrator.activities.query_servers import QueryServers
from perdure_orchestrator.activities.read_rules import ReadRules

__all__ = ["CallFunction", "CallModel", "CallTool", "DrainDecisions", "PublishFacts", "QueryServers", "ReadRules"]
