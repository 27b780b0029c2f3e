"""What exists in mcp-agent and not here, and what to do instead; ``docs/mcp-agent.md`` shows it."""

from dataclasses import dataclass
from typing import Final

__all__ = ["ABSENT", "Absent"]


@dataclass(frozen=True, slots=True)
class Absent:
    """Names of one module or class of mcp-agent.

    Attributes:
        place: The module below ``mcp_agent``, or a class in one, whose names are attributes and options.
        names: The names.
        instead: What a program does here.
    """

    place: str
    names: tuple[str, ...]
    instead: str

    @property
    def is_module(self) -> bool:
        """Whether the names are those of a module."""
        return not any(part[0].isupper() for part in self.place.split("."))


_APPROVAL: Final = "`await approval(...)` of perdure.flow asks people, and `workflow.signal_wait(name)` takes an input"
_FILE: Final = "write it into `perdure.yaml`; `perdure config reference` lists the keys"
_IDS: Final = "`workflow.info()` has the ids of the run"
_LOG: Final = "`workflow.logger` logs"
_MODEL: Final = "`Agent(model=..., model_settings={...})` sets the model and its options"
_PATTERNS: Final = "perdure.flow.patterns has `handoff`, `orchestrate`, `parallel`, `refine` and `route`"
_SERVERS: Final = (
    "list the server in `mcp.servers` of `perdure.yaml`; `agent.tools`, `agent.resources` and `agent.prompts` use it"
)
_START: Final = "an event starts a workflow: `perdure up`, then `perdure publish`"
_USAGE: Final = "`perdure runs show RUN` shows the usage, and `perdure runs trace RUN` the trace"
_WORKER: Final = "`perdure up` runs the worker; a worker of your own has `PerdurePlugin` of perdure_orchestrator.plugin"


def _absent(place: str, names: str, instead: str) -> Absent:
    return Absent(place, tuple(names.split()), instead)


ABSENT: Final = (
    _absent("app.MCPApp", "run initialize cleanup", _START),
    _absent("app.MCPApp", "context session_id", _IDS),
    _absent("app.MCPApp", "config settings server_registry mcp model_selector", _FILE),
    _absent("app.MCPApp", "logger", _LOG),
    _absent(
        "app.MCPApp",
        "executor engine",
        "`workflow.execute_activity(task)` executes a task, and `workflow.signal_wait(name)` waits for a signal",
    ),
    _absent("app.MCPApp", "human_input_callback elicitation_callback signal_notification upstream_session", _APPROVAL),
    _absent("app.MCPApp", "get_token_node get_token_usage get_token_summary watch_tokens format_token_tree", _USAGE),
    _absent("app.MCPApp", "workflows tasks icons", "nothing needs it: leave it out"),
    _absent(
        "app.MCPApp.workflow_task",
        "schedule_to_close_timeout start_to_close_timeout retry_policy",
        "give it to `workflow.execute_activity`",
    ),
    _absent("agents.agent.Agent", "initialize shutdown close initialized connection_persistence", "leave it out"),
    _absent(
        "agents.agent.Agent", "call_tool", "`await agent.tools.call(name, arguments)`, or `agent.tools.<name>(...)`"
    ),
    _absent("agents.agent.Agent", "list_tools", "`await agent.tools.list()`"),
    _absent("agents.agent.Agent", "list_resources", "`await agent.resources.list()`"),
    _absent("agents.agent.Agent", "read_resource", "`await agent.resources.read(uri)`"),
    _absent("agents.agent.Agent", "list_prompts", "`await agent.prompts.list()`"),
    _absent("agents.agent.Agent", "get_prompt create_prompt", "`await agent.prompts.get(name, argument=...)`"),
    _absent("agents.agent.Agent", "request_human_input human_input_callback", _APPROVAL),
    _absent("agents.agent.Agent", "context", _IDS),
    _absent("agents.agent.Agent", "get_capabilities get_server_session", _SERVERS),
    _absent(
        "agents.agent.Agent", "get_token_node get_token_usage get_token_cost watch_tokens format_token_tree", _USAGE
    ),
    _absent("agents.agent_spec", "AgentSpec", "create an `Agent` with these options"),
    _absent("config", "Settings MCPSettings MCPServerSettings LoggerSettings OpenAISettings get_settings", _FILE),
    _absent("config", "AnthropicSettings GoogleSettings TemporalSettings OpenTelemetrySettings OAuthSettings", _FILE),
    _absent("core.context", "Context get_current_context", _IDS),
    _absent("elicitation.handler", "console_elicitation_callback", _APPROVAL),
    _absent("executor.errors", "WorkflowApplicationError", "raise `ApplicationError` of temporalio.exceptions"),
    _absent("executor.executor", "Executor AsyncioExecutor", _WORKER),
    _absent(
        "executor.temporal",
        "TemporalExecutor create_temporal_worker_for_app InteractiveWorkflow",
        f"{_WORKER}; `await approval(...)` of perdure.flow asks people",
    ),
    _absent("executor.workflow", "WorkflowExecution WorkflowState", "`perdure runs show RUN` shows the state of a run"),
    _absent("executor.workflow.Workflow", "context id run_id", _IDS),
    _absent("executor.workflow.Workflow", "executor", "`workflow.execute_activity(task)` executes a task"),
    _absent("executor.workflow.Workflow", "logger", _LOG),
    _absent("executor.workflow.Workflow", "create execute run_async", _START),
    _absent("executor.workflow.Workflow", "resume", "`perdure runs signal RUN NAME` sends a signal"),
    _absent("executor.workflow.Workflow", "cancel", "`perdure runs cancel RUN`"),
    _absent(
        "executor.workflow.Workflow", "get_status update_status update_state", "`await note(text)` of perdure.flow"
    ),
    _absent("executor.workflow_signal", "Signal SignalHandler", "`await workflow.signal_wait(name)`"),
    _absent("executor.workflow_task", "workflow_task", "`@app.workflow_task`"),
    _absent("human_input", "console_input_callback HumanInputRequest HumanInputResponse", _APPROVAL),
    _absent("logging", "get_logger LoggingConfig", _LOG),
    _absent("mcp", "gen_client connect disconnect MCPAggregator MCPConnectionManager ServerRegistry", _SERVERS),
    _absent(
        "oauth", "TokenManager", "`header_files`, `header_variables` and `token_variable` of `mcp.servers` hold keys"
    ),
    _absent("server", "create_mcp_server_for_app", _START),
    _absent("tools", "from_langchain_tool from_crewai_tool", "`Agent(functions=[...])` takes Python functions"),
    _absent("tracing", "TokenCounter TokenNode TokenSummary TokenUsage get_tracer", _USAGE),
    _absent(
        "utils.tool_filter",
        "ToolFilter apply_tool_filter",
        "`agents.<name>.allow_tools` of `perdure.yaml` filters tools",
    ),
    _absent("workflows.deep_orchestrator", "DeepOrchestrator", "`orchestrate` of perdure.flow.patterns"),
    _absent(
        "workflows.embedding", "EmbeddingModel OpenAIEmbeddingModel", "call the model of embeddings in an activity"
    ),
    _absent(
        "workflows.evaluator_optimizer", "EvaluatorOptimizerLLM QualityRating", "`refine` of perdure.flow.patterns"
    ),
    _absent("workflows.factory", "create_agent create_llm create_orchestrator create_parallel_llm", _PATTERNS),
    _absent("workflows.factory", "create_evaluator_optimizer_llm create_router_llm create_swarm", _PATTERNS),
    _absent("workflows.intent_classifier", "Intent OpenAILLMIntentClassifier", "`route` of perdure.flow.patterns"),
    _absent("workflows.llm.augmented_llm", "RequestParams", _MODEL),
    _absent("workflows.llm.augmented_llm", "Memory SimpleMemory", "an agent keeps its conversation within a run"),
    _absent(
        "workflows.llm.augmented_llm.AugmentedLLM",
        "generate",
        "`generate_str`, `generate_structured`, or `generate` of the agents of perdure.flow",
    ),
    _absent(
        "workflows.llm.augmented_llm.AugmentedLLM",
        "instruction name server_names default_request_params context history",
        "give it to the agent",
    ),
    _absent("workflows.llm.llm_selector", "ModelPreferences ModelSelector", _MODEL),
    _absent("workflows.orchestrator", "Orchestrator", "`orchestrate` of perdure.flow.patterns"),
    _absent(
        "workflows.parallel", "ParallelLLM FanIn FanOut", "`parallel` of perdure.flow.patterns, or `asyncio.gather`"
    ),
    _absent("workflows.router", "LLMRouter OpenAILLMRouter AnthropicLLMRouter", "`route` of perdure.flow.patterns"),
    _absent("workflows.swarm", "Swarm SwarmAgent OpenAISwarm AnthropicSwarm", "`handoff` of perdure.flow.patterns"),
)
"""Ordered by place."""
