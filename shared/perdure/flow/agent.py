"""Agents: a model with an instruction, tools, or both. Every model request and tool call is a durable step."""

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
from perdure.flow.turns import TurnLimits
from perdure.values.nearest import nearest

__all__ = ["Agent", "option_names"]


class Agent:
    """An agent of one run; it holds its configuration and its conversation, and no connection.

    Args:
        name: Shown in progress and traces.
        instruction: The system prompt.
        server_names: The configured MCP servers whose tools it may use; a name that several of them have is called as
            ``<server>__<tool>``.
        functions: Python functions that it may use as tools. They run as activities, so a worker must find each by its
            module and name. The bound arguments of a partial are passed along.
        model: A pydantic-ai model name; by default the configured one. Of several, the next one is asked when one is
            down or overloaded, has no quota, or refuses its key.
        model_settings: What pydantic-ai calls model settings, such as ``{"temperature": 0}``.
        retry_policy: For its requests and calls; by default that of the configuration, then Temporal's: for ever.
        start_to_close_timeout: For one attempt; by default ten minutes, or more as the operator says.
        tool_errors: What a failed tool call of the model does: ``tell`` returns the error to the model, ``raise`` fails
            the run.
        allow_partial: Whether a text counts as the model's answer although it was cut off at the token limit, or is
            empty; by default such a request fails with ``AnswerCutOff`` or ``EmptyAnswer``.
        max_turns: How many requests with tool calls one prompt may take; beyond it the run fails with ``TooManyTurns``.
        max_same_calls: How often one prompt may lead to the same tool call, with the same arguments; one more fails the
            run with ``TooManySameCalls``.
        on_behalf_of: Whom or what the agent works for: requests to approve its tool calls show this text. Nobody
            verifies it.
    """

    if not TYPE_CHECKING:  # type checkers see only the constructor, and report unknown options themselves

        def __new__(cls, *_: Any, **options: Any) -> Self:  # noqa: D102 (see the class)
            known = option_names(cls)
            for option in options:
                if option not in known:
                    raise TypeError(f"An agent has no option {option}{nearest(option, known)}")
            return super().__new__(cls)

    def __init__(  # noqa: PLR0913 (the options of an agent)
        self,
        name: str,
        *,
        instruction: str = "",
        server_names: Sequence[str] = (),
        functions: Sequence[Callable[..., Any]] = (),
        model: str | Sequence[str] | None = None,
        model_settings: Mapping[str, JsonValue] | None = None,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
        tool_errors: Literal["tell", "raise"] = "tell",
        allow_partial: bool = False,
        max_turns: int = 50,
        max_same_calls: int = 10,
        on_behalf_of: str | None = None,
    ) -> None:
        options = StepOptions(retry_policy, start_to_close_timeout)
        self.name = name
        self._box = box = Toolbox(name, tuple(server_names), function_tools(functions), options, on_behalf_of)
        self.tools = Tools(box)
        self.resources = Resources(box)
        self.prompts = Prompts(box)
        self.llm = Llm(
            box,
            instruction=instruction,
            model=model if isinstance(model, str) or model is None else tuple(model),
            model_settings=dict(model_settings or {}),
            tool_errors=tool_errors,
            allow_partial=allow_partial,
            limits=TurnLimits(max_turns, max_same_calls),
        )

    async def __aenter__(self) -> Self:
        """Check that the agent's servers are configured.

        Raises:
            ApplicationError: A server is not configured; the message names the nearest one.
        """
        if self._box.servers:
            await rules_for_servers(self._box.servers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: sessions and connections belong to the workers."""


def option_names(kind: type) -> set[str]:
    """Return the option names of an agent class; its ``**options`` stand for those of its base class."""
    known: set[str] = set()
    for init in filter(None, (vars(base).get("__init__") for base in kind.__mro__)):
        _, *parameters = inspect.signature(init).parameters.values()
        known.update(it.name for it in parameters if it.kind not in {it.VAR_KEYWORD, it.VAR_POSITIONAL})
        if all(it.kind is not it.VAR_KEYWORD for it in parameters):
            break
    return known
