from typing import Any

import pytest

from perdure.flow import Agent, mcp_agent
from tests.support import greeter


class Clerk(Agent):
    def __init__(self, desk: int, **options: Any) -> None:
        super().__init__(f"clerk {desk}", **options)


def test_a_subclass_of_agent_takes_all_options() -> None:
    clerk = Clerk(desk=3, functions=[greeter.now], instruction="Be brief.")
    compatible = mcp_agent.Agent("clerk", functions=[greeter.now], tool_errors="raise")

    assert (clerk.name, compatible.name) == ("clerk 3", "clerk")


@pytest.mark.parametrize("kind", [Agent, Clerk, mcp_agent.Agent], ids=["Agent", "a subclass", "mcp_agent.Agent"])
def test_an_unknown_option_is_refused_with_the_nearest_known_one(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"An agent has no option instructon: did you mean instruction\?"):
        kind("clerk", instructon="Be brief.")
