"""The activity that returns the operator's rules to a run."""

from collections.abc import Iterable

from temporalio import activity

from perdure.config.settings import Settings
from perdure.flow.messages import READ_RULES
from perdure.flow.operator_rules import OperatorRules

__all__ = ["ReadRules"]


class ReadRules:
    """Reads the rules from the configuration with which this worker started."""

    def __init__(self, settings: Settings, servers: Iterable[str]) -> None:
        self._rules = OperatorRules(
            servers=tuple(servers),
            requests=settings.llm.retry,
            calls=settings.mcp.retry,
            agents={name: agent.retry for name, agent in settings.agents.items() if agent.retry is not None},
            approvals=dict(settings.approvals.policies),
        )

    @activity.defn(name=READ_RULES)
    async def run(self) -> OperatorRules:
        """Return the rules; the run's history keeps them."""
        return self._rules
