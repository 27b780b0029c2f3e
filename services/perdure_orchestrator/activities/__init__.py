"""The activities of Perdure: one class an activity, each with the ports that it needs."""

from perdure_orchestrator.activities.call_function import CallFunction
from perdure_orchestrator.activities.call_model import CallModel
from perdure_orchestrator.activities.call_tool import CallTool
from perdure_orchestrator.activities.drain_decisions import DrainDecisions
from perdure_orchestrator.activities.publish import PublishFacts
from perdure_orchestrator.activities.query_servers import QueryServers
from perdure_orchestrator.activities.read_rules import ReadRules
from perdure_orchestrator.activities.resolve_policy import ResolvePolicy
from perdure_orchestrator.activities.worker_activities import AgentBackends, WorkerActivities

__all__ = [
    "AgentBackends",
    "CallFunction",
    "CallModel",
    "CallTool",
    "DrainDecisions",
    "PublishFacts",
    "QueryServers",
    "ReadRules",
    "ResolvePolicy",
    "WorkerActivities",
]
