"""The activity that returns the operator's rules to a run."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from temporalio import activity

from perdure.config.settings import Settings
from perdure.flow.messages import READ_RULES
from perdure.flow.operator_rules import OperatorRules
from perdure.flow.step_options import LONGEST_TRY
from perdure_orchestrator.agents.server_transports import ServerConfig

__all__ = ["ReadRules"]

_MORE: Final = timedelta(minutes=1)  # for what a step does beside


class ReadRules:
    """Reads the rules from the configuration with which this worker started."""

    def __init__(self, settings: Settings, servers: Mapping[str, ServerConfig]) -> None:
        self._rules = OperatorRules(
            servers=tuple(servers),
            requests=settings.llm.retry,
            calls=settings.mcp.retry,
            agents={name: agent.retry for name, agent in settings.agents.items() if agent.retry is not None},
            approvals=dict(settings.approvals.policies),
            longest_try=_longest_try(servers.values(), settings.llm.request_timeout),
        )

    @activity.defn(name=READ_RULES)
    async def run(self) -> OperatorRules:
        """Return the rules; the run's history keeps them."""
        return self._rules


def _longest_try(servers: Collection[ServerConfig], request_timeout: timedelta) -> timedelta | None:
    """Return how long a step may wait for a server's start and then for its call or a model; None if not too long.

    A step whose time is over sooner would be made again while its call still has its effect.
    """
    start = max((server.start_timeout for server in servers), default=timedelta())
    then = max([request_timeout, *(server.call_timeout for server in servers)])
    longest = start + then + _MORE
    return longest if longest > LONGEST_TRY else None
