"""The part of the operator's configuration that runs use."""

from datetime import timedelta

from pydantic import Field

from perdure.config.agents import RetrySettings
from perdure.contracts import Policy
from perdure.flow.payload import Payload

__all__ = ["OperatorRules"]


class OperatorRules(Payload):
    """The part of the configuration that runs use.

    Attributes:
        servers: The names of all MCP servers.
        requests: The default retry policy of requests to models.
        calls: The default retry policy of tool calls.
        agents: Retry policies by agent.
        approvals: Approval policies by workflow.
        longest_try: How long one attempt of a step may last, where the operator lets a server or model take longer than
            ``LONGEST_TRY``. Runs of earlier versions have none.
    """

    servers: tuple[str, ...] = ()
    requests: RetrySettings | None = None
    calls: RetrySettings | None = None
    agents: dict[str, RetrySettings] = Field(default_factory=dict)
    approvals: dict[str, Policy] = Field(default_factory=dict)
    longest_try: timedelta | None = None
