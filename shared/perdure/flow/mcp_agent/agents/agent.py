"""Agents with the names that programs for mcp-agent give them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from perdure.flow.agent import Agent as PerdureAgent
from perdure.flow.agent import option_names
from perdure.flow.mcp_agent.absent import absent_attribute, refuse_options
from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM
from perdure.flow.run import Run
from perdure.flow.tools import Tools

__all__ = ["Agent"]

_NO_SERVER: Final = "llm"  # some programs for mcp-agent list the model as a server
_PLACE: Final = "agents.agent.Agent"


class Agent(PerdureAgent):
    """An agent; the server name ``llm`` is left out, because the model is ``agent.llm``.

    If it names no servers, the program may call the tools of all configured servers; its model gets none.

    Attributes:
        llm: The model, with mcp-agent's names of arguments.
    """

    llm: AugmentedLLM  # type: ignore[assignment] # its arguments have other names

    if not TYPE_CHECKING:  # type checkers report names that do not exist themselves

        def __new__(cls, *args: Any, **options: Any) -> Self:  # noqa: D102 (see the class)
            refuse_options(_PLACE, sorted(options.keys() - option_names(cls)))
            return super().__new__(cls, *args, **options)

        def __getattr__(self, name: str) -> Any:
            raise absent_attribute(_PLACE, name, self)

    def __init__(
        self, name: str, instruction: str = "", server_names: Sequence[str] | None = None, **options: Any
    ) -> None:
        servers = [server for server in server_names or () if server != _NO_SERVER]
        super().__init__(name, instruction=instruction, server_names=servers, **options)
        self.llm = AugmentedLLM(self)
        self._names_none = server_names is None

    async def __aenter__(self) -> Self:
        """Read which servers are configured."""
        if self._names_none:
            rules = await Run.current().rules()
            self.tools = Tools(dataclasses.replace(self._box, servers=tuple(rules.servers)))
        return await super().__aenter__()

    async def attach_llm(self, llm_factory: Callable[..., AugmentedLLM]) -> AugmentedLLM:
        """Return the agent's model under a class of mcp-agent's.

        The class chooses no model: ``model`` of the agent does, or ``llm.model`` of the configuration.

        Raises:
            TypeError: It makes no such model.
        """
        llm = llm_factory(agent=self)
        if not isinstance(llm, AugmentedLLM):
            raise TypeError(f"attach_llm takes a class such as OpenAIAugmentedLLM, not {llm_factory!r}.")
        self.llm = llm
        return llm
