"""Patterns for several agents: plain functions, durable because each step of an agent is."""

from perdure.flow.patterns.handoff import handoff
from perdure.flow.patterns.orchestrate import Plan, Task, orchestrate
from perdure.flow.patterns.parallel import Failure, parallel
from perdure.flow.patterns.refine import Refined, Verdict, refine
from perdure.flow.patterns.route import route

__all__ = [
    "Failure",
    "Plan",
    "Refined",
    "Task",
    "Verdict",
    "handoff",
    "orchestrate",
    "parallel",
    "refine",
    "route",
]
