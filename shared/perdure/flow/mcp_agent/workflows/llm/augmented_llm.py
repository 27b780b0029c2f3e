"""The model of an agent, with the names of arguments that programs for mcp-agent use."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel
from temporalio.common import RetryPolicy

from perdure.flow.llm import Llm
from perdure.flow.mcp_agent.absent import absent_attribute, absent_names, refuse_options

if TYPE_CHECKING:  # the agent imports this module
    from perdure.flow.mcp_agent.agents.agent import Agent

__all__ = ["AugmentedLLM"]

Output = TypeVar("Output", bound=BaseModel)

_PLACE: Final = "workflows.llm.augmented_llm.AugmentedLLM"


class AugmentedLLM:
    """The model of an agent; a subclass that is named after a provider chooses no other.

    Args:
        agent: The agent whose model it is; conversation, instruction and options are the agent's.
        options: None of mcp-agent's other options exists here.

    Attributes:
        wrapped: The model without mcp-agent's names.

    Raises:
        TypeError: There are other options, or no agent.
    """

    def __init__(self, agent: "Agent | None" = None, **options: Any) -> None:
        refuse_options(_PLACE, options)
        if agent is None or options:
            raise TypeError(f"{type(self).__name__} takes agent= and nothing else: options are those of the agent.")
        llm: Any = agent.llm
        self.wrapped: Llm = llm.wrapped if isinstance(llm, AugmentedLLM) else llm

    if not TYPE_CHECKING:  # type checkers report names that do not exist themselves

        def __getattr__(self, name: str) -> Any:
            raise absent_attribute(_PLACE, name, self)

    async def generate_str(
        self,
        message: str,
        *,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> str:
        """Send a message, let the model call the agent's tools, and return its final text.

        Args:
            message: The user's message.
            retry_policy: For each request; by default that of the agent, then that of the configuration.
            start_to_close_timeout: For one attempt of a request; by default that of the agent, then ten minutes.
        """
        return await self.wrapped.generate_str(
            message, retry_policy=retry_policy, start_to_close_timeout=start_to_close_timeout
        )

    async def generate_structured(
        self,
        message: str,
        response_model: type[Output],
        *,
        retry_policy: RetryPolicy | None = None,
        start_to_close_timeout: timedelta | None = None,
    ) -> Output:
        """Request an answer in the shape of a pydantic model; an answer of another shape is requested twice more.

        Raises:
            ApplicationError: The model answered in another shape each time (``WrongShape``).
        """
        return await self.wrapped.generate_structured(
            message, response_model, retry_policy=retry_policy, start_to_close_timeout=start_to_close_timeout
        )


if not TYPE_CHECKING:
    __getattr__ = absent_names(__name__)
