"""An agent: a model with an instruction, tools, or both; every request and every call is a durable step."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import JsonValue
from temporalio.common import RetryPolicy

from perdure.flow.functions import function_tools
from perdure.flow.llm import Llm
from perdure.flow.step_options import StepOptions, rules_for_servers
from perdure.flow.tools import Prompts, Resources, Toolbox, Tools
from perdure.values.nearest import nearest

__all__ = ["Agent"]


class Agent:
    """Made inside a run, by name, as many as one likes, concurrently too; it holds nothing but its words.

    Args:
        name: What people read in progress and traces.
        instruction: The system prompt.
        server_names: The MCP servers, as the configuration names them, whose tools it has; of equal names the first.
        functions: Python functions that are its tools too. They run as steps on a worker, never in the run itself, so
            each must be found again by its module and name; bound arguments of a partial go along.
        model: A pydantic-ai model name; by default the configured one.
        model_settings: What pydantic-ai calls model settings, such as ``{"temperature": 0}``.
        retry_policy: For its requests and calls; by default the configuration's, then Temporal's: for ever.
        start_to_close_timeout: For one try of them; by default ten minutes.
        tool_errors: Whether a tool that a model asked for and that fails is told to the model, or fails the run.
    """

    if not TYPE_CHECKING:  # a checker sees the constructor alone, and tells typing errors itself

        def __new__(cls, *_: Any, **options: Any) -> Self:  # noqa: D102 (the class tells it)
            known = _options(cls)
            for option in options:
                if option not in known:
                    raise TypeError(f"An agent has no option {option}{nearest(option, known)}")
            return super().__new__(cls)

    def __init__(  # noqa: PLR0913 (the words that make an agent)
        self,
        name: str,
        *,
        instruction: str = "",
        server_names: Sequence[str] = (),
        functions: Sequence[Callable[..., Any]] = (),
        model: str | None = None,
        model_settings: Mapping[str, JsonValue] | None = None,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
        tool_errors: Literal["tell", "raise"] = "tell",
    ) -> None:
        trying = StepOptions(retry_policy, start_to_close_timeout)
        self.name = name
        self._box = box = Toolbox(name, tuple(server_names), function_tools(functions), trying)
        self.tools = Tools(box)
        self.resources = Resources(box)
        self.prompts = Prompts(box)
        self.llm = Llm(
            box,
            instruction=instruction,
            model=model,
            model_settings=dict(model_settings or {}),
            tool_errors=tool_errors,
        )

    async def __aenter__(self) -> Self:
        """See that the agent's servers are configured.

        Raises:
            ApplicationError: One is not; the sentence names the nearest.
        """
        if self._box.servers:
            await rules_for_servers(self._box.servers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open: sessions and connections belong to the workers."""


def _options(kind: type) -> set[str]:
    """Name what a class of agents takes; ``**options`` of its own stands for what its base takes."""
    known: set[str] = set()
    for init in filter(None, (vars(base).get("__init__") for base in kind.__mro__)):
        _, *parameters = inspect.signature(init).parameters.values()
        known.update(it.name for it in parameters if it.kind not in {it.VAR_KEYWORD, it.VAR_POSITIONAL})
        if all(it.kind is not it.VAR_KEYWORD for it in parameters):
            break
    return known
