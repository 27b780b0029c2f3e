"""What the operator says of agents, as a run sees it: read once, by its first agent, and remembered with the run."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.agent_settings import RetrySettings
from perdure.contracts import Policy

__all__ = ["READ_RULES", "Rules"]

READ_RULES: Final = "read_rules"
"""The step that gives a run its ``Rules``."""


class Rules(BaseModel):
    """So much of the configuration as a run decides by.

    Attributes:
        servers: The names of all MCP servers.
        requests: How requests to models are tried again, by default.
        calls: How calls of tools are tried again, by default.
        agents: How what an agent does is tried again, by the agent's name.
        approvals: Who may answer, by the workflow that asks.
    """

    model_config = ConfigDict(frozen=True)

    servers: tuple[str, ...] = ()
    requests: RetrySettings | None = None
    calls: RetrySettings | None = None
    agents: dict[str, RetrySettings] = {}
    approvals: dict[str, Policy] = {}
