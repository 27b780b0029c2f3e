"""The names of mcp-agent over plain temporalio, for programs that were written for it. There is no second engine.

A program keeps its classes and calls, and imports from ``perdure.flow.mcp_agent`` instead of ``mcp_agent``. The key
``workflows:`` names its module. An event or ``temporal workflow start`` starts it; the app object runs nothing.
"""

from typing import TYPE_CHECKING

from perdure.flow.mcp_agent.absent import absent_names, explain_absent_modules
from perdure.flow.mcp_agent.agents.agent import Agent
from perdure.flow.mcp_agent.app import MCPApp
from perdure.flow.mcp_agent.executor.workflow import Workflow, WorkflowResult
from perdure.flow.mcp_agent.workflow_calls import workflow

__all__ = ["Agent", "MCPApp", "Workflow", "WorkflowResult", "workflow"]

if not TYPE_CHECKING:
    __getattr__ = absent_names(__name__)
explain_absent_modules()
